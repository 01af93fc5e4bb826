/**
 * How the questions of one zone are answered: by its gates under our identity, or by its authoritative servers with what
 * encryption there is. The two have nothing else in common, so that a zone of the one kind can never take the way of the other.
 */

export interface ZoneWay {
  /**
   * The query has one question and an OPT record without options; gives the whole response, with any ID. Rejects with
   * GatesError when nobody has answered within `timeMs`, or all ways were tried.
   */
  ask(query: Buffer, timeMs: number): Promise<Buffer>;
  /** Connections are made anew: the network has changed, or somebody asks for it. `why` is for the log. */
  reset(why: string): void;
  close(): void;
}
