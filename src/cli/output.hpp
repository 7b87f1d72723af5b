// SPDX-License-Identifier: Apache-2.0
// Where a report goes: standard output, or the file of -o. Every write is
// checked; a file appears whole or not at all.
#pragma once

#include <iosfwd>
#include <memory>
#include <string>
#include <vector>

#include "httpdiag/error.hpp"
#include "report/render.hpp"

namespace httpdiag::cli {

/// Whoever read our output has gone (EPIPE), as `| head` does: no failure.
class ReaderGone final : public Error {
 public:
  ReaderGone() : Error{"the reader of the output has gone"} {}
};

class ReportOutput : public report::Output {
 public:
  virtual ~ReportOutput() = default;
  /// Everything written is where it belongs, or Error.
  virtual void commit() = 0;
};

/// Standard output.
std::unique_ptr<ReportOutput> stream_output(std::ostream& stream);

/// The file of -o. A regular file is written beside its final name and renamed
/// by commit(); without commit() nothing is left behind. Devices and FIFOs are
/// written directly. Throws Error where `path` cannot be written or is one of `inputs`.
std::unique_ptr<ReportOutput> file_output(const std::string& path,
                                          const std::vector<std::string>& inputs,
                                          std::ostream& standard_output);

/// For CLI11: "" where `path` is one, for an empty one (a variable that is not set) what is wrong.
inline std::string names_a_file(const std::string& path) {
  return path.empty() ? "expected the name of a file" : "";
}

/// Throws Error, or ReaderGone, if something written to standard output got lost.
void check_stream(std::ostream& stream);

}  // namespace httpdiag::cli
