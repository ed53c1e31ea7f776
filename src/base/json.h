/*-------------------------------------------------------------------------
 *
 * json.h
 *	  Building and reading jsonb from C, and Temporal's proto-JSON forms of
 *	  durations and times.
 *
 * All results are palloc'd in the caller's memory context.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_BASE_JSON_H
#define TPG_BASE_JSON_H

#include "base/jsontime.h"
#include "datatype/timestamp.h"
#include "utils/jsonb.h"

/*
 * Any SQL value as jsonb, as to_jsonb() would; json and jsonb as they are, a
 * literal without a type is read as JSON.  SQL NULL is JSON null.
 */
extern Jsonb *tpg_datum_to_jsonb(Datum value, Oid type, bool isnull);

/*
 * Argument `argno` of a function that declares it "any", as jsonb.  An
 * argument that is NULL is a NULL pointer.
 */
struct FunctionCallInfoBaseData;
extern Jsonb *tpg_any_arg_to_jsonb(struct FunctionCallInfoBaseData *fcinfo, int argno);

extern Jsonb *tpg_json_from_text(const char *text);
extern char *tpg_json_to_text(const Jsonb *value);
extern Jsonb *tpg_json_copy(const Jsonb *value);
extern Jsonb *tpg_json_null(void);

/* True also for a NULL pointer. */
extern bool tpg_json_is_null(const Jsonb *value);
extern bool tpg_json_is_object(const Jsonb *value);
extern bool tpg_json_is_array(const Jsonb *value);
extern bool tpg_json_is_string(const Jsonb *value);
extern Jsonb *tpg_json_string(const char *text);
extern Jsonb *tpg_json_value_to_jsonb(JsonbValue *value);

/*
 * Members of an object.  NULL when the object is a NULL pointer or not an
 * object, or has no such key; get and get_text also when the value is JSON null
 * (get: only get_raw gives JSON null back).  get_text gives numbers and
 * booleans as text, and objects and arrays as JSON text.
 */
extern Jsonb *tpg_json_get(const Jsonb *object, const char *key);
extern Jsonb *tpg_json_get_raw(const Jsonb *object, const char *key);
extern bool tpg_json_has(const Jsonb *object, const char *key);
extern char *tpg_json_get_text(const Jsonb *object, const char *key);
extern bool tpg_json_get_bool(const Jsonb *object, const char *key, bool dflt);
extern int64 tpg_json_get_int(const Jsonb *object, const char *key, int64 dflt);
extern double tpg_json_get_float(const Jsonb *object, const char *key, double dflt);

/* "60s" as microseconds; dflt when absent */
extern int64 tpg_json_get_duration(const Jsonb *object, const char *key, int64 dflt);

/* The scalar itself as text (NULL for JSON null); containers as JSON text. */
extern char *tpg_json_scalar_text(const Jsonb *value);

/* Builders.  A value that is NULL is skipped. */
typedef struct TpgJson TpgJson;

extern TpgJson *tpg_json_object(void);
extern TpgJson *tpg_json_object_from(const Jsonb *object);	/* to add to a copy; a key added again wins */
extern void tpg_json_add_text(TpgJson *b, const char *key, const char *value);
extern void tpg_json_add_int(TpgJson *b, const char *key, int64 value);
extern void tpg_json_add_float(TpgJson *b, const char *key, double value);
extern void tpg_json_add_bool(TpgJson *b, const char *key, bool value);
extern void tpg_json_add_jsonb(TpgJson *b, const char *key, const Jsonb *value);
extern void tpg_json_add_interval(TpgJson *b, const char *key, const Interval *value);
extern void tpg_json_add_duration(TpgJson *b, const char *key, int64 microseconds);
extern void tpg_json_add_timestamp(TpgJson *b, const char *key, TimestampTz value);

extern TpgJson *tpg_json_array(void);
extern void tpg_json_push_text(TpgJson *b, const char *value);
extern void tpg_json_push_jsonb(TpgJson *b, const Jsonb *value);

extern Jsonb *tpg_json_finish(TpgJson *b);

/* The members of an object (NULL: none) with those of another one put over them; null takes one away. */
extern Jsonb *tpg_json_merge(const Jsonb *object, const Jsonb *changes);

#endif							/* TPG_BASE_JSON_H */
