/**
 * Where the self-extracting executable is. What runs is unpacked elsewhere, so it says its own path
 * in a variable; the path serves for commands that are suggested. It must also be known before
 * anything of Node is loaded, which asks for it: without /proc, as in a bare chroot, Deno has no
 * answer and ends. In a bundle this module is therefore the first of each thread.
 */
import { BUILD } from "./version.ts";

const isBundle = BUILD !== undefined && !Deno.build.standalone;

/** The path; undefined when the program was started in another way. */
export const PROGRAM_PATH = isBundle ? Deno.env.get("RABBITMQ_BACKUP_PROGRAM") : undefined;

if (PROGRAM_PATH !== undefined) Deno.execPath = () => PROGRAM_PATH;
