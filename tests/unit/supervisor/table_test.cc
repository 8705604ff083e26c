#include "supervisor/cli/table.h"

#include <gtest/gtest.h>

namespace fairlead::cli {
namespace {

TEST(Table, AlignsColumnsBelowAHeading) {
  Table table({"PORT", "STATE", "WHY"});
  table.add({"3000", "forwarding", "x"});
  table.add({"65535", "-", ""});
  EXPECT_EQ(table.text(true),
            "PORT   STATE       WHY\n"
            "3000   forwarding  x\n"
            "65535  -           \n");
}

TEST(Table, SeparatesByTabsWithoutHeading) {
  Table table({"PORT", "STATE"});
  table.add({"3000", "forwarding"});
  table.add({"", ""});
  EXPECT_EQ(table.text(false), "3000\tforwarding\n\t\n");
}

TEST(Table, WithoutRowsIsItsHeadingOrNothing) {
  const Table table({"PORT", "STATE"});
  EXPECT_EQ(table.text(true), "PORT  STATE\n");
  EXPECT_EQ(table.text(false), "");
}

TEST(Table, MakesFieldsHarmless) {
  Table table({"LABEL"});
  table.add({"\x1b[2J\n\t\xff"});
  EXPECT_EQ(table.text(false), "?[2J??\xEF\xBF\xBD\n");
}

}  // namespace
}  // namespace fairlead::cli
