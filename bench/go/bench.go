// SPDX-License-Identifier: Apache-2.0

// Goroutines on one processor (GOMAXPROCS=1): the same cases as native/cases.h.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

const (
	yields      = 10000000
	leastLaps   = 5
	batch       = 1000
	batches     = 1000
	warmBatches = 100
)

// All wait at a gate first: Go preempts, and would let the early ones yield while others are started.
func yieldCase(name string, strands int) {
	laps := yields / strands
	if laps < leastLaps {
		laps = leastLaps
	}
	gate, done := make(chan struct{}), make(chan time.Duration)
	started := 0
	for i := 1; i < strands; i++ {
		go func() {
			started++
			<-gate
			for lap := 0; lap < laps+2; lap++ {
				runtime.Gosched()
			}
		}()
	}
	go func() {
		started++
		<-gate
		runtime.Gosched()
		begin := time.Now()
		for lap := 0; lap < laps; lap++ {
			runtime.Gosched()
		}
		done <- time.Since(begin)
	}()
	for started < strands {
		runtime.Gosched()
	}
	close(gate)
	fmt.Printf("%s %.3f\n", name, float64((<-done).Nanoseconds())/float64(strands*laps))
}

// With one processor nothing runs at the same time: plain counters do, and cost least.
func spawnBatches(count int) {
	for b := 0; b < count; b++ {
		finished := 0
		for i := 0; i < batch; i++ {
			go func() { finished++ }()
		}
		for finished < batch {
			runtime.Gosched()
		}
	}
}

func spawnCase(name string) {
	spawnBatches(warmBatches)
	begin := time.Now()
	spawnBatches(batches)
	fmt.Printf("%s %.3f\n", name, float64(time.Since(begin).Nanoseconds())/(batch*batches))
}

func parkAll(strands int, gate chan struct{}, finished *int) float64 {
	begin := time.Now()
	parked := 0
	for i := 0; i < strands; i++ {
		go func() {
			parked++
			<-gate
			*finished++
		}()
	}
	for parked < strands {
		runtime.Gosched()
	}
	return float64(time.Since(begin).Nanoseconds()) / float64(strands)
}

func wakeAll(strands int, gate chan struct{}, finished *int) float64 {
	begin := time.Now()
	close(gate)
	for *finished < strands {
		runtime.Gosched()
	}
	return float64(time.Since(begin).Nanoseconds()) / 1e6
}

func parkCase(name string, strands int) {
	gate, finished := make(chan struct{}), 0
	before := memoryBytes()
	fmt.Printf("%s cold %.3f\n", name, parkAll(strands, gate, &finished))
	fmt.Printf("%s memory %.3f\n", name, float64(memoryBytes()-before)/float64(strands))
	fmt.Printf("%s wake %.3f\n", name, wakeAll(strands, gate, &finished))
	gate, finished = make(chan struct{}), 0
	fmt.Printf("%s warm %.3f\n", name, parkAll(strands, gate, &finished))
	wakeAll(strands, gate, &finished)
}

// Resident pages and the page tables that map them.
func memoryBytes() int64 {
	status, err := os.Open("/proc/self/status")
	if err != nil {
		panic(err)
	}
	defer status.Close()
	var kib int64
	for lines := bufio.NewScanner(status); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if fields[0] == "VmRSS:" || fields[0] == "VmPTE:" {
			value, _ := strconv.ParseInt(fields[1], 10, 64)
			kib += value
		}
	}
	return kib * 1024
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "version" {
		fmt.Println(runtime.Version())
		return
	}
	if len(os.Args) != 3 {
		os.Exit(2)
	}
	group, name := os.Args[1], os.Args[2]
	strands, _ := strconv.Atoi(name)
	switch {
	case group == "yield" && strands > 0:
		yieldCase(name, strands)
	case group == "spawn":
		spawnCase(name)
	case group == "park" && strands > 0:
		parkCase(name, strands)
	default:
		os.Exit(2)
	}
}
