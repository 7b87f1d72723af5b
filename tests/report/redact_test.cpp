// SPDX-License-Identifier: Apache-2.0
#include "report/redact.hpp"

#include <gtest/gtest.h>

namespace httpdiag::report {
namespace {

struct Case {
  const char* target;
  const char* shown;
};

class RedactTarget : public testing::TestWithParam<Case> {};

TEST_P(RedactTarget, KeepsWhatIsNoSecret) {
  EXPECT_EQ(redact_target(GetParam().target), GetParam().shown);
}

INSTANTIATE_TEST_SUITE_P(
    Targets, RedactTarget,
    testing::Values(
        Case{"/notify", "/notify"}, Case{"", ""}, Case{"*", "*"}, Case{"/", "/"},
        Case{"/a?token=s3cret", "/a?token=<redacted>"},
        Case{"/a?x=1&y=2&z", "/a?x=<redacted>&y=<redacted>&<redacted>"},
        Case{"/a?x=1;y=2", "/a?x=<redacted>;y=<redacted>"}, Case{"/a?", "/a?"},
        Case{"/a?x=", "/a?x=<redacted>"}, Case{"/a?=s", "/a?=<redacted>"},
        Case{"/a?x=1=2?3", "/a?x=<redacted>"}, Case{"/a?&&x=1", "/a?&&x=<redacted>"},
        Case{"/a?baretoken", "/a?<redacted>"}, Case{"/a?x=1#frag", "/a?x=<redacted>#<redacted>"},
        Case{"/a#frag?x", "/a#<redacted>"},
        Case{"/a;jsessionid=ABC/b;v=1;w?x=1",
             "/a;jsessionid=<redacted>/b;v=<redacted>;w?x=<redacted>"},
        Case{"http://user:pass@h.example:80/p?x=1", "http://h.example:80/p?x=<redacted>"},
        Case{"http://h.example/p", "http://h.example/p"},
        Case{"http://user@h.example?x=1", "http://h.example?x=<redacted>"},
        Case{"http://a@b@h.example/", "http://h.example/"}, Case{"h.example:443", "h.example:443"},
        Case{"user:pass@h.example:443", "h.example:443"},
        Case{"//user@h.example/p", "//h.example/p"}, Case{"/p//user@x", "/p//user@x"},
        Case{"/p?u=http://a:b@c/", "/p?u=<redacted>"}));

}  // namespace
}  // namespace httpdiag::report
