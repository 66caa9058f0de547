#pragma once
/*
 * lua/funcs/bcrypt.h - the password hash of htpasswd
 */
#include "core/base/defs.h"

#define HC_BCRYPT_SALT 16
#define HC_BCRYPT_TEXT 60
/* Writes "$2a$COST$..." and a NUL. At most 72 bytes of the password count. False: no memory. Takes tenths of a
 * second at cost 10. */
bool hc_bcrypt(const char *password, size_t n, unsigned cost, const unsigned char salt[HC_BCRYPT_SALT],
               char out[HC_BCRYPT_TEXT + 1]);
