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
#define HC_MAX_YAML_DEPTH  1000          /* nesting; libyaml's own parser recurses by heap, we by depth */
#define HC_MAX_JSON_DEPTH  1000          /* Go's encoding/json stops at 10000; the C stack is ours      */
#define HC_MAX_YAML_REREAD (64 * HC_MIB) /* bytes read again for things only the Go library takes */
#define HC_MAX_YAML_NODES  4000000u      /* nodes of one document, aliases expanded                     */

/* Charts: Helm pkg/chart/loader/archive: 100 MiB a chart */
#define HC_MAX_CHART_BYTES  (100 * HC_MIB)
#define HC_MAX_CHART_PACKED (100 * HC_MIB)
#define HC_MAX_CHART_FILES  20000u /* the largest public chart has 700                            */
#define HC_MAX_PATH_BYTES   1024u
#define HC_MAX_CHART_DEPTH  16u /* charts within charts                                        */

/* Artifacts of sources (Git trees, OCI layers): Flux has no ceiling, a disk has */
#define HC_MAX_ARTIFACT_BYTES (512 * HC_MIB)
#define HC_MAX_ARTIFACT_FILES 200000u

/* Templates */
#define HC_MAX_TEMPLATE_BYTES   (8 * HC_MIB)   /* one template file                                         */
#define HC_MAX_TEMPLATE_NESTING 200u           /* parentheses and control blocks                            */
#define HC_MAX_TEMPLATE_CHAIN   5000u          /* else branches of one if: PUC Lua takes quadratic time       */
#define HC_MAX_INCLUDE_DEPTH    1000           /* Helm pkg/engine: recursionMaxNums                         */
#define HC_MAX_RENDER_STEPS     100000000u     /* steps of one render; the largest public chart needs 4,400,000  */
#define HC_MAX_RENDER_CPU_MS    10000u         /* processor time of one render: keys, hashes, regexes in loops  */
#define HC_MAX_WALK_STACK       262144u        /* bytes of C stack for templates: Lua runs what is deeper  */
#define HC_MAX_TEMPLATE_DEPTH   100000         /* Go text/template: maxExecDepth                                */
#define HC_MAX_RENDER_BYTES     (512 * HC_MIB) /* arena and Lua memory of one render                        */
#define HC_MAX_OUTPUT_BYTES     (128 * HC_MIB) /* text of one render                                        */
#define HC_MAX_CALL_ENTRIES     1000000u       /* entries of a list that one function call makes            */
#define HC_MAX_TRACE_LIST_BYTES (512 * HC_MIB) /* one list of a trace; the largest public chart needs 20 MiB   */
#define HC_MAX_TRACE_SOURCES    10000u         /* values that one answer names                                */

/* Lua templates */
#define HC_MAX_SCRIPT_BYTES (64 * HC_MIB) /* Lua memory of a render with Lua templates                 */
#define HC_MAX_SCRIPT_TEXT  (4 * HC_MIB)  /* one Lua text or table: what one instruction can be busy with */
#define HC_MAX_SCRIPT_DEPTH 200u          /* tables in tables that become values                       */

/* Recordings of renders: what a Secret holds many times over once gzip has seen it */
#define HC_MAX_RECORDING_BYTES   (8 * HC_MIB)
#define HC_MAX_RECORDING_ANSWERS 10000u /* generated values of one render; charts ask for a handful          */
#define HC_MAX_RECORDING_UNASKED 10u    /* renders that a kept value may go unasked for before it is dropped  */

/* Network */
#define HC_MAX_RESPONSE_BYTES (64 * HC_MIB) /* an API answer that is held whole                          */
#define HC_MAX_INDEX_BYTES    (50 * HC_MIB) /* Flux --helm-index-max-size                                */
#define HC_MAX_REDIRECTS      10

/* Kubernetes */
#define HC_MAX_RELEASE_NAME 53       /* Helm pkg/chart/common/util: validate release name         */
#define HC_MAX_RECORD_BYTES 1048576u /* etcd and the API server refuse a larger object            */
