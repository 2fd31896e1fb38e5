/** One name for a queue of any vhost; no two queues share it. */
export function queueKey(queue: { vhost: string; name: string }): string {
  return JSON.stringify([queue.vhost, queue.name]);
}
