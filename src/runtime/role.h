/*-------------------------------------------------------------------------
 * runtime/role.h - user code runs as its owner.
 *-------------------------------------------------------------------------
 */
#ifndef TPG_RUNTIME_ROLE_H
#define TPG_RUNTIME_ROLE_H

/*
 * In an executor the process already is connected as the owner, and this does
 * nothing.  Elsewhere (queries, replay, tests: the caller's backend) it switches
 * the user for the rest of the surrounding subtransaction, whose end, by abort
 * or tpg_role_leave, restores it.
 */
typedef struct TpgRoleScope
{
	Oid			user;
	int			sec_context;
} TpgRoleScope;

/* restricted: as a security-restricted operation even when the user is the same. */
extern void tpg_role_enter(TpgRoleScope *scope, Oid owner, bool restricted);
extern void tpg_role_leave(const TpgRoleScope *scope);

#endif							/* TPG_RUNTIME_ROLE_H */
