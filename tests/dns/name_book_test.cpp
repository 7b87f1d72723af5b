// SPDX-License-Identifier: Apache-2.0
#include "dns/name_book.hpp"

#include <gtest/gtest.h>

#include <string>

namespace httpdiag::dns {
namespace {

using std::chrono::seconds;

const IpAddress kServer = IpAddress::v4(0xcb007109), kClient = IpAddress::v4(0x0a010005),
                kOther = IpAddress::v4(0x0a010006);
Timestamp at(int second) { return Timestamp{} + seconds{second}; }

std::string name(const NameBook& book, int second, std::string_view asked_for = {}) {
  return std::string{book.name_of({kServer, kClient, at(second), asked_for})};
}

TEST(NameBook, TheLatestLookupInFrontOfTheConnectionNamesIt) {
  NameBook book{8};
  book.learn(kServer, "a.example", kClient, at(10));
  book.learn(kServer, "b.example", kClient, at(20));
  EXPECT_EQ(name(book, 15), "a.example");
  EXPECT_EQ(name(book, 20), "b.example");
}

TEST(NameBook, OfSeveralNamesThatAreLookedUpOnlyAfterwardsNoneIsTaken) {
  NameBook book{8};
  book.learn(kServer, "a.example", kClient, at(10));
  EXPECT_EQ(name(book, 5), "a.example");
  book.learn(kServer, "b.example", kClient, at(20));
  EXPECT_EQ(name(book, 5), "");
}

TEST(NameBook, SomebodyElsesEarlierLookupCountsMoreThanOnesOwnLaterOne) {
  NameBook book{8};
  book.learn(kServer, "a.example", kOther, at(10));
  book.learn(kServer, "b.example", kClient, at(20));
  EXPECT_EQ(name(book, 15), "a.example");
  EXPECT_EQ(name(book, 25), "b.example");
}

TEST(NameBook, WhatTheRequestAsksForIsTheNameIfItLedThere) {
  NameBook book{8};
  book.learn(kServer, "a.example", kClient, at(10));
  book.learn(kServer, "b.example", kClient, at(11));
  EXPECT_EQ(name(book, 15, "a.example"), "a.example");
  EXPECT_EQ(name(book, 15, "elsewhere.example"), "b.example");
}

TEST(NameBook, OneOfManyNamesIsNoLongerTheOnlyOne) {
  NameBook book{8};
  for (int i = 0; i < 20; ++i)
    book.learn(kServer, "n" + std::to_string(i) + ".example", kClient, at(10 + i));
  EXPECT_EQ(name(book, 5), "");
  EXPECT_EQ(name(book, 40), "n19.example");
}

}  // namespace
}  // namespace httpdiag::dns
