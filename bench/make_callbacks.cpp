// SPDX-License-Identifier: Apache-2.0
// make_callbacks OUT.pcap [--mib N] [--seed N] [--flows-per-second N]
//                [--idle-flows N | --syns N | --bulk]
// Writes a capture and prints what an analysis of it has to find, as JSON.
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "traffic.hpp"

namespace {

using namespace httpdiag::bench;

class FileSink final : public ByteSink {
 public:
  explicit FileSink(const char* path) : file_{std::fopen(path, "wb")} {}
  ~FileSink() {
    if (file_ != nullptr) std::fclose(file_);
  }
  FileSink(const FileSink&) = delete;
  FileSink& operator=(const FileSink&) = delete;

  void write(std::string_view bytes) override {
    good_ = good_ && std::fwrite(bytes.data(), 1, bytes.size(), file_) == bytes.size();
  }
  bool good() { return file_ != nullptr && good_ && std::fflush(file_) == 0; }
  bool open() const { return file_ != nullptr; }

 private:
  std::FILE* file_;
  bool good_ = true;
};

int usage() {
  std::fputs(
      "usage: make_callbacks OUT.pcap [--mib N] [--seed N] [--flows-per-second N]\n"
      "                      [--idle-flows N | --syns N | --bulk]\n",
      stderr);
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  CallbackOptions options;
  std::uint64_t idle_flows = 0, syns = 0;
  bool bulk = false;
  const char* path = nullptr;
  for (int i = 1; i < argc; ++i) {
    const std::string_view option = argv[i];
    if (option == "--bulk") {
      bulk = true;
    } else if (!option.starts_with("--")) {
      if (path != nullptr) return usage();
      path = argv[i];
    } else {
      if (i + 1 == argc) return usage();
      char* end = nullptr;
      const std::uint64_t value = std::strtoull(argv[++i], &end, 10);
      if (*end != '\0' || value == 0) return usage();
      if (option == "--mib")
        options.bytes = value << 20;
      else if (option == "--seed")
        options.seed = value;
      else if (option == "--flows-per-second")
        options.flows_per_second = value;
      else if (option == "--idle-flows")
        idle_flows = value;
      else if (option == "--syns")
        syns = value;
      else
        return usage();
    }
  }
  if (path == nullptr) return usage();
  FileSink file{path};
  Truth truth;
  if (file.open()) {
    truth = idle_flows > 0 ? write_idle_flows(idle_flows, file)
            : syns > 0     ? write_syns(syns, file)
            : bulk         ? write_bulk(options.bytes, file)
                           : write_callbacks(options, file);
  }
  if (!file.good()) {
    std::fprintf(stderr, "make_callbacks: %s: cannot be written: %s\n", path, std::strerror(errno));
    return 2;
  }
  // A capture on standard output has that for itself.
  const bool piped = std::string_view{path} == "/dev/stdout";
  std::fputs(to_json(truth).c_str(), piped ? stderr : stdout);
  return 0;
}
