/**
 * What Unbound and delv say of a question, in the words of RFC 4035 section 4.3.
 *
 * Unbound says it by the AD bit and by SERVFAIL, which is a verdict if it answers when checking is disabled; delv by
 * comments in its output.
 */
import type { SecurityStatus } from '../../../core/dnssec/status.ts';
import { Rcode, rcodeName } from '../../../core/dns/constants.ts';
import type { Message } from '../../../core/dns/message.ts';
import { Name } from '../../../core/dns/name.ts';
import { ask, type Inquiry } from '../../../lab/ask.ts';
import { pathOf, runProgram, type TestBed } from '../peers/test-bed.ts';
import { labSeconds } from './lab-zone.ts';
import type { LabServer } from './servers.ts';

export interface Testimony {
  /** Indeterminate is everything that says nothing about security. */
  readonly status: SecurityStatus;
  readonly words: string;
}

export interface Answer extends Testimony {
  readonly rcode: number;
  /** Hexadecimal RDATA of the records of the type, wherever aliases lead. */
  readonly rdatas: readonly string[];
}

export async function askUnbound(server: LabServer, name: string, type: number): Promise<Answer> {
  const question = { name: Name.parse(name), type, rd: true, dnssecOk: true, timeoutMs: 10_000 };
  const answer = await askOpenly(server, question);
  const { rcode, ad } = answer.header;
  const rdatas = answer.answers.filter((it) => it.type === type).map(({ rdata }) => rdata.toString('hex'));
  const words = `${rcodeName(rcode)}${ad ? ' AD' : ''}`;
  if (rcode === Rcode.NOERROR || rcode === Rcode.NXDOMAIN)
    return { status: ad ? 'secure' : 'insecure', rcode, rdatas, words };
  const unchecked = await askOpenly(server, { ...question, cd: true });
  const isBogus = rcode === Rcode.SERVFAIL && unchecked.header.rcode !== Rcode.SERVFAIL;
  return {
    status: isBogus ? 'bogus' : 'indeterminate',
    rcode,
    rdatas,
    words: `${words}; unchecked ${rcodeName(unchecked.header.rcode)}`,
  };
}

/** Asks once more where a connection was closed without an answer, as any client has to (RFC 7766 section 6.2.4); says how the server is. */
async function askOpenly(server: LabServer, question: Inquiry): Promise<Message> {
  try {
    return await ask(server, question);
  } catch {
    return await ask(server, question).catch((error: unknown) => {
      const said = server.program.log.trimEnd().split('\n').slice(-5).join('\n');
      throw new Error(`${question.name.toString()}: ${String(error)}; unbound says last:\n${said}`);
    });
  }
}

/** How delv, a program that has no switch for it, is told the time: it is shown a clock that stands still. */
const stoppedClock = [
  'TZ=UTC',
  `FAKETIME=${new Date(labSeconds * 1000).toISOString().replace('T', ' ').slice(0, 19)}`,
  'FAKETIME_DONT_FAKE_MONOTONIC=1',
  // delv's own allocator would ask for the time before there is one, so that it is given libc's.
  'LD_PRELOAD=/usr/$LIB/faketime/libfaketimeMT.so.1 libc.so.6',
];

/** What delv ends with when validation fails; other endings are other failures. */
const bogusEndings =
  /^;; resolution failed: (broken trust chain|insecurity proof failed|no valid (RRSIG|NSEC|DS|KEY)|RRSIG failed to verify|RRSIG has expired|RRSIG validity period has not begun)$/m;

/** A lookup takes delv a tenth of a second; some never end. */
const delvTimeMs = 10_000;

/** Asks delv, which asks the server that passes everything on; `anchorFile` is made by `writeAnchors`. */
export async function askDelv(
  server: LabServer,
  anchorFile: string,
  name: string,
  type: string,
): Promise<Testimony> {
  pathOf('faketime');
  const to = [`@${server.address}`, '-p', String(server.port)];
  const question = ['-a', anchorFile, '+root', '+cd', '+noshort', '-q', name, '-t', type];
  const command = [...stoppedClock, pathOf('delv'), ...to, ...question];
  const run = await runProgram('env', command, { timeoutMs: delvTimeMs });
  return readDelv(run.stdout + run.stderr);
}

/** Reads delv's comments; of several parts of an answer the weakest counts. */
export function readDelv(output: string): Testimony {
  const comments = output.split('\n').filter((line) => line.startsWith(';'));
  const words = comments.join(' ').replace(/\s+/g, ' ');
  const ends = /^;; resolution failed: (.*)$/m.exec(output)?.[1] ?? '';
  if (bogusEndings.test(output)) return { status: 'bogus', words };
  if (comments.some((line) => /^; (unsigned answer|negative response, unsigned answer)$/.test(line)))
    return { status: 'insecure', words };
  if (comments.some((line) => /^; (fully validated|negative response, fully validated)$/.test(line)))
    return { status: 'secure', words };
  return { status: 'indeterminate', words: words || ends };
}

/** The root's DS record in the way BIND's programs read it. */
export function writeAnchors(bed: TestBed, anchor: string): string {
  const [tag, algorithm, digestType, digest] = anchor.split(' ');
  return bed.write(
    'anchors.conf',
    `trust-anchors { . static-ds ${tag} ${algorithm} ${digestType} "${digest}"; };\n`,
  );
}
