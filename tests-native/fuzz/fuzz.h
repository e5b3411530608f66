// SPDX-License-Identifier: Apache-2.0
// What every fuzz target uses: bytes as choices, and claims that end the process when they fail, in
// release builds too. A target defines fuzz_one; libFuzzer (fuzz_main.cpp) or the files of its
// corpus (replay_main.cpp) call it.
#ifndef STRAND_FUZZ_FUZZ_H
#define STRAND_FUZZ_FUZZ_H

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

// The same bytes give the same run.
void fuzz_one(const uint8_t *data, size_t size);

#define REQUIRE(claim)                                                                             \
    do {                                                                                           \
        if (!(claim)) {                                                                            \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #claim);                    \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

class Bytes {
public:
    Bytes(const uint8_t *data, size_t size) : at(data), end(data + size) {}

    bool empty() const { return at == end; }
    size_t left() const { return static_cast<size_t>(end - at); }
    // 0 behind the end.
    unsigned take() { return empty() ? 0 : *at++; }
    unsigned below(unsigned bound) { return take() % bound; }
    // Small numbers most of the time, up to about 200,000.
    size_t length()
    {
        size_t mantissa = take();
        return mantissa < 224 ? mantissa : (mantissa - 223) * 6151;
    }

private:
    const uint8_t *at, *end;
};

#endif
