// SPDX-License-Identifier: Apache-2.0

// The echo on goroutines, one for each connection: buffered, and flushed when the input is drained.
package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"runtime"
)

func serve(peer net.Conn) {
	defer peer.Close()
	in, out := bufio.NewReader(peer), bufio.NewWriter(peer)
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return
		}
		out.Write(line)
		if in.Buffered() == 0 && out.Flush() != nil {
			return
		}
	}
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "version" {
		fmt.Println(runtime.Version())
		return
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	for {
		peer, err := listener.Accept()
		if err != nil {
			panic(err)
		}
		go serve(peer)
	}
}
