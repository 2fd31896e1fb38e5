import { join } from "node:path";
import { exists } from "./cache.ts";
import type { InstanceRecord } from "./instances.ts";
import * as process from "./process.ts";
import { type DebianRoot, ignoreMissing, namespaceCommand } from "./roots.ts";

const RUNNER = join(import.meta.dirname ?? ".", "chroot_run.sh");
/** A broker that is told to end is given this long before it is killed. */
const STOP_WITHIN_MS = 30_000;

/** An instance and the root that it runs in. */
export interface Placed {
  readonly root: DebianRoot;
  readonly instance: InstanceRecord;
}

/** A program of RabbitMQ, by its path inside a root. */
export const rabbitmqProgram = (name: string) => `/usr/lib/rabbitmq/bin/${name}`;

/** The name of an instance's Erlang node. */
export const nodeNameOf = (id: string) => `${id}@localhost`;

/** The command line that runs `command` in the root, with this instance's state and names. */
export function inRoot(dir: string, placed: Placed, command: string[]): string[] {
  const { root, instance } = placed;
  const home = "/var/lib/rabbitmq";
  const environment = {
    RABBITMQ_NODENAME: nodeNameOf(instance.id),
    RABBITMQ_DIST_PORT: `${instance.ports.dist}`,
    ERL_EPMD_PORT: `${instance.ports.epmd}`,
    ERL_EPMD_ADDRESS: "127.0.0.1",
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: "-kernel inet_dist_use_interface {127,0,0,1}",
    RABBITMQ_CONFIG_FILE: `${home}/rabbitmq.conf`,
    RABBITMQ_ENABLED_PLUGINS_FILE: `${home}/enabled_plugins`,
    RABBITMQ_MNESIA_BASE: `${home}/data`,
    RABBITMQ_LOG_BASE: `${home}/log`,
    RABBITMQ_PID_FILE: `${home}/rabbit.pid`,
    RUNNING_UNDER_SYSTEMD: "true", // the shell gives way to the VM, which then gets the signals
  };
  return [
    ...namespaceCommand(join(root.dir, "proc")),
    ...["sh", RUNNER, root.dir, join(dir, "state")],
    ...Object.entries(environment).map(([name, value]) => `${name}=${value}`),
    ...command,
  ];
}

/**
 * Starts a program of an instance, by default the broker, with processes in a session of their own, so
 * no terminal's Ctrl-C reaches them.
 */
export async function launch(
  dir: string,
  placed: Placed & { program?: string[] },
): Promise<void> {
  const pidFile = join(dir, "run.pid");
  await Deno.remove(pidFile).catch(ignoreMissing);
  const script = 'echo $$ >"$1.new" && mv "$1.new" "$1" && log=$2 && shift 2 && ' +
    'exec "$@" </dev/null >>"$log" 2>&1';
  const { program = [rabbitmqProgram("rabbitmq-server")] } = placed;
  const command = inRoot(dir, placed, program);
  const shell = ["sh", "-c", script, "sh", pidFile, join(dir, "console.log"), ...command];
  await process.mustRun(["setsid", "-f", ...shell]);
  const end = Date.now() + 10_000;
  while (!await exists(pidFile)) {
    if (Date.now() > end) throw new Error(`Cannot start ${placed.instance.id}: no process came up`);
    await process.sleep(20);
  }
}

/** The outermost process of a running broker; undefined when it is down. */
export function runnerOf(dir: string): number | undefined {
  try {
    const pid = Number(Deno.readTextFileSync(join(dir, "run.pid")));
    // The number may be another process's by now; ours names the state folder.
    const command = Deno.readTextFileSync(`/proc/${pid}/cmdline`);
    return command.split("\0").includes(join(dir, "state")) ? pid : undefined;
  } catch {
    return undefined;
  }
}

export function vmOf(dir: string): number | undefined {
  const runner = runnerOf(dir);
  if (runner === undefined) return undefined;
  return process.processTree(runner).map((mark) => mark.pid).find(isErlangVm);
}

function isErlangVm(pid: number): boolean {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/comm`).trim() === "beam.smp";
  } catch {
    return false;
  }
}

export async function endProcesses(dir: string, options: { graceful: boolean }): Promise<void> {
  const runner = runnerOf(dir);
  if (runner === undefined) return;
  const tree = process.processTree(runner);
  const vm = vmOf(dir);
  if (options.graceful && vm !== undefined) {
    process.signal(vm, "SIGTERM");
    process.signal(vm, "SIGCONT"); // a suspended one could not obey
    if (await process.waitForEnd(tree, STOP_WITHIN_MS)) return;
  }
  process.signal(runner, "SIGKILL"); // and with it, by --kill-child, the whole namespace
  if (!await process.waitForEnd(tree, 10_000)) {
    throw new Error(`Cannot end the broker in ${dir}: process ${runner} does not die`);
  }
}
