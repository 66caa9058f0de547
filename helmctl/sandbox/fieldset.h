#pragma once
/*
 * helmctl/sandbox/fieldset.h - sets of field paths, as managedFields writes them (FieldsV1)
 *
 * A tree of path elements ("f:name", "k:{...}", "v:...", "i:3"). A node may be a member itself, have members
 * below, or both. Lives in an arena. Rules: structured-merge-diff v6, fieldpath.
 */
#include "core/base/buf.h"
#include "core/value/value.h"

struct hc_sb_fs {
    hc_str pe; /* empty at the root */
    bool member;
    struct hc_sb_fs *child, *next;
};

struct hc_sb_fs *hc_sb_fs_new(struct hc_arena *a);
struct hc_sb_fs *hc_sb_fs_parse(struct hc_arena *a, const struct hc_val *fields);
struct hc_val *hc_sb_fs_write(struct hc_arena *a, const struct hc_sb_fs *fs);
struct hc_sb_fs *hc_sb_fs_find(const struct hc_sb_fs *fs, hc_str pe); /* NULL: none */
struct hc_sb_fs *hc_sb_fs_sub(struct hc_arena *a, struct hc_sb_fs *fs, hc_str pe);
bool hc_sb_fs_empty(const struct hc_sb_fs *fs); /* also NULL */
bool hc_sb_fs_equal(const struct hc_sb_fs *x, const struct hc_sb_fs *y);
/* New sets. */
struct hc_sb_fs *hc_sb_fs_union(struct hc_arena *a, const struct hc_sb_fs *x, const struct hc_sb_fs *y);
struct hc_sb_fs *hc_sb_fs_minus(struct hc_arena *a, const struct hc_sb_fs *x, const struct hc_sb_fs *y);
struct hc_sb_fs *hc_sb_fs_both(struct hc_arena *a, const struct hc_sb_fs *x, const struct hc_sb_fs *y);
/* Takes the path of element names out with all below it: hc_sb_fs_cut(fs, "metadata", "name", NULL). */
void hc_sb_fs_cut(struct hc_sb_fs *fs, ...);
/* Calls `fn` for each member with its path as people read it: .spec.containers[name="web"].image */
void hc_sb_fs_each(struct hc_arena *a, const struct hc_sb_fs *fs, hc_str at, void (*fn)(void *arg, hc_str path),
                   void *arg);

/* ---- shape.c: what a value is to server-side apply ---------------------------------------------------- */

enum hc_sb_shape { HC_SB_LEAF, HC_SB_MAP, HC_SB_LIST_MAP, HC_SB_SET };

struct hc_sb_at { /* where a walk stands */
    bool root, crd;
    const struct hc_val *schema; /* CRDs: the schema here, NULL: none known */
    hc_str line, type, merge;    /* built in: the type's fields, the field's type and how it merges (types.h) */
    hc_str field;                /* the last field's name; empty at the root */
};
struct hc_sb_kind;
struct hc_sb_at hc_sb_at_root(const struct hc_sb_kind *k);
struct hc_sb_at hc_sb_at_field(const struct hc_sb_at *at, hc_str name);
struct hc_sb_at hc_sb_at_item(const struct hc_sb_at *at);
/* Also gives the keys of a LIST_MAP (up to 3, an empty one ends them). */
enum hc_sb_shape hc_sb_shape_of(const struct hc_sb_at *at, const struct hc_val *v, hc_str keys[4]);
/* "k:{...}" or "v:..." of an item. */
hc_str hc_sb_item_pe(struct hc_arena *a, enum hc_sb_shape shape, const hc_str keys[4], const struct hc_val *item);
