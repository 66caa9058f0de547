#pragma once
/*
 * charts-fetch/verify/pgp_secret_impl.h - a secret key as pgp_secret.c and pgp_sign.c share it
 */
#include "charts-fetch/verify/pgp_impl.h"
#include "charts-fetch/verify/pgp_sign.h"

struct hc_pgp_secret {
    struct pgp_key key;
    hc_str user_id;
    EVP_PKEY *pk; /* once it is open */
};
