#pragma once
/*
 * core/base/limits.h - every ceiling on what a stranger controls, with its reason
 */
#include "core/base/defs.h"

#define HC_MIB ((size_t)1024 * 1024)

/* Memory */
#define HC_MAX_ARENA (1024 * HC_MIB) /* one unit of work; the largest chart needs 60 MiB           */
#define HC_MAX_BUF   (256 * HC_MIB)  /* one growing text                                           */

/* Documents */
/* Memory of a YAML text's tree: beside a base so much for each byte; the least that is said in 20 bytes takes 100 */
#define HC_MAX_YAML_BASE   (24 * HC_MIB)
#define HC_MAX_YAML_RATIO  6u
#define HC_MAX_YAML_DEPTH  1000          /* nesting; libyaml's own parser recurses by heap, we by depth */
#define HC_MAX_JSON_DEPTH  1000          /* Go's encoding/json stops at 10000; the C stack is ours      */
#define HC_MAX_YAML_REREAD (64 * HC_MIB) /* bytes read again for things only the Go library takes */
/* Nodes of one document, aliases expanded: some 40 MiB in the tree; 5 MiB of text can hold 2,500,000, and no object of
 * a cluster comes near. */
#define HC_MAX_YAML_NODES 750000u

/* Charts: Helm pkg/chart/loader/archive: 100 MiB a chart */
#define HC_MAX_CHART_BYTES  (100 * HC_MIB)
#define HC_MAX_CHART_PACKED (100 * HC_MIB)
#define HC_MAX_CHART_FILES  20000u /* the largest public chart has 700                            */
#define HC_MAX_PATH_BYTES   1024u
/* What may be inflated out of an archive: YAML and Go templates shrink to a fifth or a tenth, CRDs to a thirtieth */
#define HC_MAX_UNPACK_BASE  (16 * HC_MIB)
#define HC_MAX_UNPACK_RATIO 100u
#define HC_MAX_CHART_DEPTH  16u           /* charts within charts                                        */
#define HC_MAX_VALUES_BYTES (16 * HC_MIB) /* a file of -f or --set-file; a release record holds 1 MiB  */
#define HC_MAX_CHART_DEPS   1000u         /* entries of dependencies; large umbrella charts have some fifty      */
/* Memory of a chart that was packed: beside a base so much for each byte of the archive, archives inside included */
#define HC_MAX_CHART_ARENA_BASE  (40 * HC_MIB)
#define HC_MAX_CHART_ARENA_RATIO 150u
/* What a file may nest, and each level of charts by importing; deeper is a map in itself. */
#define HC_MAX_VALUES_DEPTH 2700u
/* Looked at to find those, over all imports of a render. */
#define HC_MAX_IMPORTED_MAPS 4000000u
#define HC_MAX_IMPORT_DEPTH  100u /* parts of a parent path of import-values: merging walks by recursion */
/* One check against a values.schema.json: two nanoseconds a step, 50 a schema met, one a state of a pattern. */
#define HC_MAX_SCHEMA_STEPS 40000000u

/* Artifacts of sources (Git trees, OCI layers): Flux has no ceiling, a disk has */
#define HC_MAX_ARTIFACT_BYTES (512 * HC_MIB)
#define HC_MAX_ARTIFACT_FILES 200000u

/* Templates */
#define HC_MAX_TEMPLATE_BYTES   (8 * HC_MIB) /* one template file                                         */
#define HC_MAX_TEMPLATE_NESTING 200u         /* parentheses and control blocks                            */
#define HC_MAX_TEMPLATE_CHAIN   5000u        /* else branches of one if: PUC Lua takes quadratic time       */
#define HC_MAX_INCLUDE_DEPTH    1000         /* Helm pkg/engine: recursionMaxNums                         */
#define HC_MAX_WALK_STACK       262144u      /* bytes of C stack for templates: Lua runs what is deeper  */
#define HC_MAX_TEMPLATE_DEPTH   100000       /* Go text/template: maxExecDepth                                */

/*
 * One render. A chart that nobody trusts must end within a second and 64 MiB, so the ceilings are that divided up: what
 * is handed out of the arena, Lua's own memory, the text being written and the text of the function being called may
 * all be there at once. Most public charts need less than 24 MiB of resident memory, program and chart included,
 * and 4,400,000 steps.
 */
#define HC_MAX_RENDER_STEPS 50000000u     /* two nanoseconds each                                          */
#define HC_MAX_RENDER_BYTES (24 * HC_MIB) /* of the arena, for a chart and values of nothing ...           */
#define HC_MAX_RENDER_RATIO                                                                                        \
    12u /* ... and for each byte they take; camunda-platform, 4.4 MiB,
                                             takes 42 MiB with its production values                       */
#define HC_MAX_RENDER_TRACED                                                                                       \
    4u /* times that when it is traced: then nothing that was made is given back before the end */
#define HC_MAX_LUA_BYTES (16 * HC_MIB) /* a thousand nested includes need 1; the stack doubles          */
#define HC_MAX_OUTPUT_BYTES                                                                                        \
    (8 * HC_MIB)                    /* text of one file, and of one function call: a cluster takes no
                                             object over 1.5 MiB                                           */
#define HC_MAX_CALL_ENTRIES 500000u /* entries of a list that one function call makes                */
/* Keys and password hashes cost what they cost, in Helm too: this many milliseconds together on a busy machine, a third on a
 * quiet one, counted by kind before the work (lua/funcs: fn_dear) and not by the clock, so that a chart which renders does
 * so on a slow machine too. The first is for what may be made without end: in loops that are too long for the second, in
 * recursion, in Lua. The second is for what a chart makes one by one: a thousand public charts need at most 900 (three
 * keys of 4096 bits for one etcd). */
#define HC_MAX_RENDER_DEAR         700u
#define HC_MAX_RENDER_DEAR_PLANNED (7u * HC_MAX_RENDER_DEAR)
/* How soon a prime of 2048 bits is found is luck beyond any count: the second such key of a render, and what comes
 * behind it, is given up when keys and hashes took this much processor time; the render may be tried again. */
#define HC_MAX_RENDER_DEAR_CPU_MS         900u
#define HC_MAX_RENDER_DEAR_PLANNED_CPU_MS 8000u
/* For that budget templates recur when more than so many run in each other, or so often the same. */
#define HC_MAX_RENDER_DEAR_FRAMES 32u
#define HC_MAX_RENDER_DEAR_SELF   3u
/* Behind all that, against what the steps misjudge: processor time of one render. */
#define HC_MAX_RENDER_CPU_MS    10000u
#define HC_MAX_REGEX_STEPS      1000000u /* of one search, 30 ns each; RE2 needs text times expression         */
#define HC_MAX_REGEX_KIB        8192u    /* heap of one search                                                 */
#define HC_MAX_TRACE_LIST_BYTES (512 * HC_MIB) /* one list of a trace; the largest public chart needs 20 MiB   */
#define HC_MAX_TRACE_SOURCES    10000u         /* values that one answer names                                */

/* A post-renderer: what it may print, and how long it may take where no --timeout says so */
#define HC_MAX_POST_BYTES (64 * HC_MIB)
#define HC_MAX_POST_MS    300000

/* Lua templates */
#define HC_MAX_SCRIPT_BYTES                                                                                        \
    (40 * HC_MIB) /* Lua memory of a render with Lua templates; half as much again in small blocks */
#define HC_MAX_SCRIPT_TEXT  (4 * HC_MIB) /* one Lua text or table: what one instruction can be busy with */
#define HC_MAX_SCRIPT_DEPTH 200u         /* tables in tables that become values                       */

/* Health rules: what one evaluation may take; some 20 ms, and an object of a MiB five times over */
#define HC_MAX_RULE_STEPS   2000000u
#define HC_MAX_RULE_BYTES   (16 * HC_MIB)
#define HC_MAX_RULE_TEXT    ((size_t)256 * 1024)
#define HC_MAX_RULE_MESSAGE 1000u /* events carry 1024 */
#define HC_MAX_RULES        1000u

/* Recordings of renders: what a Secret holds many times over once gzip has seen it */
#define HC_MAX_RECORDING_BYTES   (8 * HC_MIB)
#define HC_MAX_RECORDING_ANSWERS 10000u /* generated values of one render; charts ask for a handful          */
#define HC_MAX_RECORDING_UNASKED 10u    /* renders that a kept value may go unasked for before it is dropped  */

/* Network */
#define HC_MAX_RESPONSE_BYTES (64 * HC_MIB)  /* an API answer that is held whole                          */
#define HC_MAX_INDEX_BYTES    (256 * HC_MIB) /* on disk: streamed, never held; Flux: 50 MiB, held         */
#define HC_MAX_INDEX_ENTRY    (4 * HC_MIB)   /* one version in an index                                  */
#define HC_MAX_INDEX_WHOLE    (16 * HC_MIB)  /* an index in a shape that cannot be read in pieces        */
#define HC_MAX_REDIRECTS      10

/* Kubernetes */
#define HC_MAX_HOOK_LOG_BYTES HC_MIB   /* of one container, when an annotation asks for the log      */
#define HC_MAX_RELEASE_NAME   53       /* Helm pkg/chart/common/util: validate release name         */
#define HC_MAX_RECORD_BYTES   1048576u /* etcd and the API server refuse a larger object            */
