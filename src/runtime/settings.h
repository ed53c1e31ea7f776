/*-------------------------------------------------------------------------
 *
 * settings.h
 *	  The settings that a function was registered with, for as long as it runs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef TPG_RUNTIME_SETTINGS_H
#define TPG_RUNTIME_SETTINGS_H

#include "store/definition.h"

/*
 * Opens a GUC nest level and applies the definition's settings in it; the
 * result is for tpg_settings_leave(), which undoes them and whatever the code
 * has set meanwhile.  An abort of the surrounding (sub)transaction undoes them as well.
 */
extern int	tpg_settings_enter(const TpgDefinition *def);

/*
 * Executors: makes them the settings of the session, so that the next task of
 * the same definition finds them in force.  Before tpg_settings_enter, outside of
 * any nest level.
 */
extern void tpg_settings_adopt(const TpgDefinition *def);
extern void tpg_settings_leave(int level);

/* In a nest level that tpg_settings_enter() has opened: {name: value} on top (may be NULL). */
extern void tpg_settings_add(const Jsonb *settings);

/*
 * Executors: all settings of the definition, and {name: value} on top (may be NULL), become those of
 * the session, so that they outlive a COMMIT of the code; tpg_settings_session_end(), outside of any
 * transaction, makes the session forget them and whatever the code has set.
 */
extern void tpg_settings_session(const TpgDefinition *def, const Jsonb *more);
extern void tpg_settings_session_end(void);

/*
 * The settings of this session that a registration records, as {name: value}:
 * search_path (schemas resolved, pg_temp last), TimeZone, DateStyle,
 * IntervalStyle, extra_float_digits and the like; temporal_pg.determinism where the session
 * has set it.
 */
extern Jsonb *tpg_settings_capture(void);

/* Checks {name: value} given by a user: known, values valid, settable by `owner` at run time. */
extern void tpg_settings_validate(const Jsonb *settings, Oid owner);


/* The name as PostgreSQL spells it: "timezone" is "TimeZone". */
extern char *tpg_settings_canonical_name(const char *name);

#endif							/* TPG_RUNTIME_SETTINGS_H */
