// temporal_pg for the peers' harness, which measures durable-workflow libraries
// side by side on one PostgreSQL: copy this file into its peers/ directory and
// add temporal_pg to shared_preload_libraries of its cluster.
//
// The workers are the database's own processes, so this side only starts and
// waits. Starts are single transactions from the harness's pool of connections;
// --bulk N starts N by one statement.
import pg from 'pg';
import { q, now, sleep } from '../lib/core.mjs';

const SETUP = `
create extension temporal_pg;
create function greet(n integer) returns jsonb language plpgsql as $$
begin return jsonb_build_object('ok', true, 'i', n); end $$;
create function hello(n integer) returns jsonb language plpgsql as $$
begin return temporal.execute_activity('greet', n); end $$;
create function chain(k integer) returns jsonb language plpgsql as $$
declare s integer := 0;
begin
  for i in 0 .. k - 1 loop s := s + (temporal.execute_activity('greet', i) ->> 'i')::integer; end loop;
  return jsonb_build_object('s', s);
end $$;
create function fan(w integer) returns jsonb language plpgsql as $$
declare fs temporal.future[]; r jsonb; s integer := 0;
begin
  for i in 1 .. w loop fs[i] := temporal.start_activity('greet', i - 1); end loop;
  foreach r in array temporal.await_all(fs) loop s := s + (r ->> 'i')::integer; end loop;
  return to_jsonb(s);
end $$;
create function timer(ms integer) returns void language plpgsql as $$
begin perform temporal.sleep(make_interval(secs => ms / 1000.0)); end $$;
create function sleeper() returns void language plpgsql as $$
begin perform temporal.sleep('1 hour'); end $$;
do $$
begin
  perform temporal.register_activity('greet');
  perform temporal.register_workflow(name) from unnest(array['hello', 'chain', 'fan', 'timer', 'sleeper']) as name;
end $$`;

export default class Peer {
  static schemas = ['temporal_internal'];
  static tuned = {};
  static unsupported = {};
  constructor({ url, db, o }) { this.url = url; this.db = db; this.o = o; this.done = 0; }
  settings() { return { version: this.version, starters: this.o.starters ?? 32, pool: this.#size, bulk: this.o.bulk ?? null }; }
  get #size() { return this.o.pool ?? 20; }
  // what the handlers did cannot be counted outside; completions are counted in the database
  get handled() { return Infinity; }
  set handled(v) {}

  async setup() {
    await q(this.db, SETUP);
    this.version = (await q(this.db, `select extversion v from pg_extension where extname = 'temporal_pg'`))[0].v;
  }
  async startClient() {
    this.pool = new pg.Pool({ connectionString: this.url, max: this.#size });
    this.wait = new pg.Client({ connectionString: this.url });
    await this.wait.connect();
  }
  async startRuntime() { await this.startClient(); }
  async stopRuntime() {
    await this.pool.end();
    await this.wait.end();
    await sleep(1200);                 // the database's workers report their statistics after a second
  }
  #query(name, text, values) { return this.pool.query({ name, text, values }).then((r) => r.rows); }
  async #execute(client, workflow, argument) {
    const r = await client.query({ name: 'execute', text: 'call temporal.execute_workflow($1, $2)', values: [workflow, JSON.stringify(argument)] });
    return r.rows[0].result;
  }

  async startHello(i) { await this.#query('hello', `select temporal.start_workflow('hello', to_jsonb($1::integer))`, [i]); }
  async startHelloBulk(from, n) {
    await this.#query('hellos', `select count(temporal.start_workflow('hello', to_jsonb(i))) from generate_series($1::integer, $2::integer) as i`, [from, from + n - 1]);
  }
  async countDone() { return Number((await q(this.db, 'select count(*) n from temporal_internal.execution where status = 2'))[0].n); }

  async runChain(k) { return await this.#execute(this.pool, 'chain', k); }
  async runFanout(w) { return await this.#execute(this.wait, 'fan', w); }

  async helloLatency() {
    const a = now();
    await this.#execute(this.wait, 'hello', 1);
    return now() - a;
  }
  // from the history: the code itself has no clock but the workflow's
  async timerOvershoot(ms) {
    const id = crypto.randomUUID();
    await this.wait.query({ name: 'timer', text: `call temporal.execute_workflow('timer', $1, id => $2)`, values: [JSON.stringify(ms), id] });
    const r = await this.wait.query({
      name: 'overshoot', values: [id],
      text: `select extract(epoch from max(event_time) filter (where event_type = 'TimerFired') - max(event_time) filter (where event_type = 'TimerStarted')) * 1000 as ms
             from temporal.history where workflow_id = $1`,
    });
    return Number(r.rows[0].ms) - ms;
  }

  async startSleeper() { await this.#query('sleeper', `select temporal.start_workflow('sleeper')`); }
  async startSleeperBulk(from, n) { await this.#query('sleepers', `select count(temporal.start_workflow('sleeper')) from generate_series(1, $1::integer)`, [n]); }
  async countSleeping() { return Number((await q(this.db, 'select count(*) n from temporal_internal.message where deliver_at > now()'))[0].n); }
}
