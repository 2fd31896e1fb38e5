import { AppError, messageOf } from "../../errors.ts";

/** What is looked at. */
export type Area = "source" | "target" | "storage" | "machine";

/** `warning`: it works, or may, but not as well or not all of it; `failed`: a run would fail. */
export type FindingStatus = "ok" | "warning" | "failed";

/** One line of what a doctor says. */
export interface Finding {
  readonly area: Area;
  /** What was tried: `amqp`, `read`, `put_if_absent`, ...; stable. */
  readonly check: string;
  readonly status: FindingStatus;
  readonly message: string;
  /** How to mend it. */
  readonly hint?: string;
}

/** Gathers findings, and tells each when it is known. */
export class Findings {
  readonly all: Finding[] = [];
  readonly #tell: (finding: Finding) => void;

  constructor(tell: (finding: Finding) => void = () => {}) {
    this.#tell = tell;
  }

  /** Those about one thing. */
  of(area: Area): AreaFindings {
    return new AreaFindings(area, (finding) => {
      this.all.push(finding);
      this.#tell(finding);
    });
  }
}

/** Findings about one thing. */
export class AreaFindings {
  readonly #area: Area;
  readonly #add: (finding: Finding) => void;

  constructor(area: Area, add: (finding: Finding) => void) {
    this.#area = area;
    this.#add = add;
  }

  ok(check: string, message: string): void {
    this.#add({ area: this.#area, check, status: "ok", message });
  }

  warn(check: string, message: string, hint: string): void {
    this.#add({ area: this.#area, check, status: "warning", message, hint });
  }

  fail(check: string, message: string, hint: string): void {
    this.#add({ area: this.#area, check, status: "failed", message, hint });
  }

  /** A finding for what was thrown; what is not meant for a person is thrown on. */
  failure(check: string, error: unknown, status: "warning" | "failed" = "failed"): void {
    if (!(error instanceof AppError)) throw error;
    if (error.code === "interrupted" || error.code === "terminated") throw error;
    const { hint } = error;
    const what = { area: this.#area, check, status, message: messageOf(error) };
    this.#add(hint === undefined ? what : { ...what, hint });
  }

  /** What comes of the work; undefined, and a finding, when it fails. */
  async attempt<T>(check: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      this.failure(check, error);
      return undefined;
    }
  }
}
