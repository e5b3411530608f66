// SPDX-License-Identifier: Apache-2.0
// replay_NAME PLACE...: runs a target once on each file, or on each file of a folder; with any
// compiler. Ends with 1 when there was none.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "fuzz.h"

namespace {

using Paths = std::vector<std::filesystem::path>;

Paths files_of(const std::filesystem::path &place)
{
    if (!std::filesystem::is_directory(place))
        return {place};
    Paths files;
    for (const auto &entry : std::filesystem::directory_iterator(place))
        files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    return files;
}

void replay(const std::filesystem::path &path)
{
    std::ifstream file(path, std::ios::binary);
    std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    std::filesystem::path name = path.filename();
    fprintf(stderr, "%s\n", name.c_str());      // so that the last line names the one that failed
    fuzz_one(reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size());
}

}

int main(int count, char **words)
{
    size_t replayed = 0;
    for (int i = 1; i < count; i++)
        for (const std::filesystem::path &path : files_of(words[i])) {
            replay(path);
            replayed++;
        }
    printf("%zu inputs\n", replayed);
    return replayed == 0;
}
