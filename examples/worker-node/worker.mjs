// A worker for external activities of temporal_pg, on node-postgres: npm install pg; node worker.mjs
// Connection: PGHOST, PGDATABASE ... as for psql. QUEUE (default), MAX_TASKS (10).
import { hostname } from 'node:os';
import pg from 'pg';

// By activity type: (input, {task, heartbeat, signal}) => result. What is thrown fails the attempt.
const activities = {
	echo: async (input) => input,
	count: async (input, { task, heartbeat, signal }) => {
		let n = task.heartbeat_details ?? 0;
		for (; n < input && !signal.aborted; n++) {
			heartbeat(n);
			await new Promise((resolve) => setTimeout(resolve, 100));
		}
		return n;
	},
};

const queue = process.env.QUEUE ?? 'default', identity = `${process.pid}@${hostname()}`;
const maxTasks = Number(process.env.MAX_TASKS ?? 10);
const running = new Set();
const reports = new pg.Pool({ max: 4 });
reports.on('error', () => {}); // an idle connection broke: the next report opens another
let poller, stopping = false;
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
for (const name of ['SIGTERM', 'SIGINT'])
	process.on(name, () => { stopping = true; if (poller) poller.end().catch(() => {}); poller?.connection.stream.destroy(); });

// Until the server has answered. TP013: the attempt is not ours any more.
async function report(name, token, payload) {
	for (let delay = 100; ; delay = Math.min(delay * 2, 5000)) {
		try {
			const r = await reports.query(`SELECT temporal.${name}($1, $2) AS answer`, [token, JSON.stringify(payload ?? null)]);
			return r.rows[0].answer;
		} catch (e) {
			if (e.code === 'TP013') return null;
			if (e.code && !/^(08|40|53|55|57|58|E)/.test(e.code)) throw e;
			await wait(delay);
		}
	}
}

async function run(task) {
	const abort = new AbortController();
	const seconds = (task.heartbeat_timeout ?? '').split(':').reduce((s, part) => s * 60 + Number(part), 0);
	let details = task.heartbeat_details, cancelled = false;
	const timer = seconds && setInterval(async () => {
		const answer = await report('heartbeat_activity', task.task_token, details).catch(() => false);
		if (answer !== false) { cancelled = answer; abort.abort(); } // cancelled, or (null) lost
	}, seconds * 500);
	try {
		const activity = activities[task.activity_type];
		if (!activity) throw Object.assign(new Error('this worker has no such activity'), { name: 'NotFoundError' });
		const result = await activity(task.input, { task, signal: abort.signal, heartbeat: (d) => { details = d; } });
		await (cancelled ? report('report_activity_cancelled', task.task_token) : report('complete_activity', task.task_token, result));
	} catch (e) {
		await report('fail_activity', task.task_token, { type: e.name, message: e.message }).catch(console.error);
	} finally {
		clearInterval(timer);
	}
}

while (!stopping) {
	try {
		poller = new pg.Client();
		poller.on('error', () => {});
		await poller.connect();
		while (!stopping) {
			if (running.size >= maxTasks) { await Promise.race(running); continue; } // a place first, then a task
			const r = await poller.query('CALL temporal.poll_activity_tasks($1, $2, $3, $4)', [queue, identity, '60 s', maxTasks - running.size]);
			for (const task of r.rows[0].tasks) { const p = run(task).finally(() => running.delete(p)); running.add(p); }
		}
	} catch (e) { if (!stopping) { console.error(e.message); await wait(500 + Math.random() * 500); } }
}
await Promise.all(running); // what runs is finished; a task that came with the end of the poll times out
await reports.end();
