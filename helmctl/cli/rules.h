#pragma once
/*
 * helmctl/cli/rules.h - health rules from files: --health-rules
 */
#include "helmctl/cli/flags.h"
#include "lua/rules/health.h"

#define HC_RULES_HELP "health rules in Lua: a file GROUP_KIND.lua, or a folder of such files; may be repeated"

/* All of the files and folders named, in the order given, a folder's by name; in `a`. HC_E_INPUT: one is no rule. */
enum hc_rc hc_cli_rules(struct hc_arena *a, const struct hc_strings *paths, struct hc_health_rule **out,
                        size_t *out_n, struct hc_err *err);
