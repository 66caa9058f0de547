#pragma once
/*
 * lua/funcs/certs.h - when a certificate begins and ends
 */
#include "core/base/str.h"

/* Seconds since 1970 of the first certificate of a PEM text. False: there is none that can be read. */
bool hc_cert_life(hc_str pem, int64_t *out_from, int64_t *out_to);
