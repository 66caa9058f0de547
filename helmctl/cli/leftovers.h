#pragma once
/*
 * helmctl/cli/leftovers.h - what a command makes for itself goes with it, however it ends
 *
 * A path that is named here is removed, with all below it, when SIGINT, SIGTERM or SIGHUP ends the process; the exit code
 * stays that of the signal. A verb that listens to signals itself keeps its handlers. What SIGKILL left behind is found by
 * its lock, which the kernel has given back. Not for threads.
 */
#include "core/base/err.h"

/* Gives the number to take it back by; -1: there is no room for it (eight at once), nothing is remembered. */
int hc_cli_leave_nothing(const char *path);
/* It is gone already, or it stays. -1 is fine. */
void hc_cli_leave(int number);

/* Makes a folder, 0700, and holds its lock by *out_lock, a descriptor. HC_E_CONFLICT: a sweep was faster, take another
 * name. */
enum hc_rc hc_cli_lock_folder(const char *path, int *out_lock, struct hc_err *err);
/* Removes folders of ours in `parent` whose names begin with `prefix` and whose lock nobody holds. */
void hc_cli_sweep(const char *parent, const char *prefix);
