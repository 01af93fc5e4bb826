/**
 * What went wrong with Redis, in words: what, where, and how to mend it. No secret is ever among them: the arguments of
 * a command are cut off, what the client library hangs onto its errors is dropped, and passwords are struck out.
 */

/** Redis could not be asked, did not answer in time, or refused. */
export class RedisUnavailable extends Error {
  override readonly name = 'RedisUnavailable';
  readonly code = 'ACL_REDIS';
  readonly blame: 'upstream' | 'config';
  /** The first word of Redis's refusal, as WRONGTYPE or NOPERM; undefined if it did not answer. */
  readonly reply: string | undefined;
  /** Whether the server as a whole does not serve, and not just this command. */
  readonly isOutage: boolean;

  constructor(message: string, fault: Omit<Fault, 'words'> = { isOutage: true }) {
    super(message);
    this.blame = fault.isConfig === true ? 'config' : 'upstream';
    this.reply = fault.reply;
    this.isOutage = fault.isOutage;
  }
}

/** A failure, explained. */
export interface Fault {
  readonly words: string;
  readonly reply?: string;
  readonly isOutage: boolean;
  /** Whether the configuration is to be mended. */
  readonly isConfig?: boolean;
}

/** Several failures, explained already. */
export class ExplainedError extends Error {
  readonly fault: Fault;

  constructor(faults: readonly Fault[]) {
    const words = faults.map((fault) => fault.words).join('; ');
    super(words);
    this.fault = { words, isOutage: true, isConfig: faults.some(({ isConfig }) => isConfig === true) };
  }
}

interface Advice {
  readonly words: string;
  readonly isOutage?: boolean;
  readonly isConfig?: boolean;
}

const missingRight: Advice = { words: 'give the user the right to it with ACL SETUSER', isConfig: true };

/** By the first word of Redis's error replies. What is no outage is an answer: the server is well, the command is not. */
const byReply: Readonly<Record<string, Advice>> = {
  NOAUTH: {
    words:
      'it wants a password: see password-file and, for sentinels, sentinel-password-file under access.redis',
    isOutage: true,
    isConfig: true,
  },
  WRONGPASS: {
    words: 'see username and password-file under access.redis; ACL LIST shows users that are switched off',
    isOutage: true,
    isConfig: true,
  },
  NOPERM: missingRight,
  DENIED: {
    words: 'it is in protected mode: set a password or bind it to an address (redis.conf)',
    isOutage: true,
    isConfig: true,
  },
  LOADING: { words: 'it is loading its data; wait', isOutage: true },
  BUSY: { words: 'a script keeps it busy; end that with SCRIPT KILL', isOutage: true },
  MASTERDOWN: { words: 'a replica that has lost its primary; bring the primary back', isOutage: true },
  CLUSTERDOWN: { words: 'see CLUSTER INFO for what is down', isOutage: true },
  TRYAGAIN: { words: 'a slot of the cluster is being moved; wait until that is done', isOutage: true },
  MOVED: {
    words: 'it is part of a cluster: set mode: cluster under access.redis',
    isOutage: true,
    isConfig: true,
  },
  ASK: {
    words: 'it is part of a cluster: set mode: cluster under access.redis',
    isOutage: true,
    isConfig: true,
  },
  CROSSSLOT: { words: 'the keys of one command must share a slot: set mode: cluster under access.redis' },
  READONLY: {
    words: 'a replica takes no writes: name the primary, or set mode: sentinel under access.redis',
  },
  OOM: { words: 'it has reached maxmemory: raise it, or make room' },
  MISCONF: { words: 'it cannot save to disk and so takes no writes; its log says why' },
  NOREPLICAS: { words: 'too few replicas follow it for a write (min-replicas-to-write)' },
  WRONGTYPE: { words: 'another kind of value is under the key; DEL it, or use another prefix' },
};

const cutConnection: Advice = {
  words:
    'it cut the connection: TLS where it wants none, or none where it does, or no certificate of ours? see its log',
};

/** By the code of Node's errors. */
const byCode: Readonly<Record<string, Advice>> = {
  ECONNREFUSED: { words: 'nothing takes connections there; is Redis running, and is this its address?' },
  ENOENT: { words: 'there is no such socket; is Redis running, with this path as its unixsocket?' },
  EACCES: { words: 'no right to use the socket; see unixsocketperm in redis.conf', isConfig: true },
  ENOTSOCK: { words: 'that file is no socket', isConfig: true },
  ENOTFOUND: { words: 'the name has no address; see servers under access.redis', isConfig: true },
  EAI_AGAIN: {
    words: 'its name could not be looked up: the resolver of this machine does not answer (/etc/resolv.conf)',
  },
  ETIMEDOUT: { words: 'no answer; a firewall between, or TLS to a port that speaks none?' },
  EHOSTUNREACH: { words: 'no way to that address' },
  ENETUNREACH: { words: 'no way to that address' },
  ECONNRESET: cutConnection,
  EPIPE: cutConnection,
  CERT_HAS_EXPIRED: { words: 'its certificate has expired' },
  CERT_NOT_YET_VALID: { words: 'its certificate is not valid yet; is the clock right?' },
  ERR_TLS_CERT_ALTNAME_INVALID: {
    words: 'its certificate is for another name: set name under access.redis.tls to one that is in it',
    isConfig: true,
  },
  ERR_SSL_WRONG_VERSION_NUMBER: {
    words: 'it does not speak TLS there: take the tls of access.redis away, or name its TLS port',
    isConfig: true,
  },
};
const untrusted: Advice = {
  words: 'its certificate is not from a CA that is trusted: set ca under access.redis.tls',
  isConfig: true,
};
const clientCertificateWanted: Advice = {
  words: 'it wants a certificate from us: set certificate and key under access.redis.tls',
  isConfig: true,
};

/** By what the client library says, in its own words or with Redis's inside. */
const byText: readonly (readonly [RegExp, Advice])[] = [
  [
    /Too many Cluster redirections/,
    {
      words: 'a slot of the cluster is being moved, or its nodes disagree; wait until that is done',
      isOutage: true,
    },
  ],
  [
    /cluster support disabled/,
    { words: 'it is no cluster: set mode: single under access.redis', isConfig: true },
  ],
  [/knows no primary/, { words: 'see master under access.redis', isConfig: true }],
  [
    /DB index is out of range|SELECT is not allowed/,
    { words: 'see database under access.redis', isConfig: true },
  ],
  [/executing the script can't|ACL failure in script/, missingRight],
  [/Socket timeout/, { words: 'the connection seems dead' }],
  [
    /unknown command [`']?SENTINEL/i,
    { words: 'it is no sentinel: name those under servers', isConfig: true },
  ],
  [/max number of clients/, { words: 'raise maxclients in redis.conf' }],
];

const maxWordsLength = 300;
/** Striking out what is shorter would hit common words, and so show what the secret is. */
const leastStruckOut = 6;

/** Explains what ioredis, Node or Redis threw. `secrets` are struck out wherever they stand. */
export function explain(error: unknown, secrets: readonly string[]): Fault {
  if (error instanceof ExplainedError) return error.fault;
  const raw = messageOf(error);
  const text = cleanse(raw, secrets);
  const reply = replyOf(error, raw);
  const advice =
    byText.find(([shape]) => shape.test(raw))?.[1] ??
    (reply === undefined ? adviceForConnection(error, raw) : byReply[reply]);
  return {
    words: advice ? `${text} (${advice.words})` : text,
    ...(reply !== undefined && { reply }),
    // What is no reply is a connection that failed.
    isOutage: advice?.isOutage ?? reply === undefined,
    isConfig: advice?.isConfig ?? false,
  };
}

/** Redis says of a transaction only that it was discarded; why is what it said of the command before. */
export function causeOf(error: unknown): unknown {
  const [first] = (error as { previousErrors?: readonly unknown[] }).previousErrors ?? [];
  return first ?? error;
}

/** Text that may go into a log: one line, without the arguments that Redis repeats, and without secrets. */
export function cleanse(text: string, secrets: readonly string[]): string {
  let clean = text.replace(/, with args beginning with:.*$/s, '').replace(/ script: [0-9a-f]{40}.*$/s, '');
  for (const secret of secrets) {
    if (secret.length >= leastStruckOut) clean = clean.replaceAll(secret, '***');
  }
  return clean.replace(/[\u0000-\u001f\u007f]+/g, ' ').slice(0, maxWordsLength);
}

function adviceForConnection(error: unknown, text: string): Advice | undefined {
  const code = codeOf(error);
  if (code !== undefined && code in byCode) return byCode[code];
  if (/CERTIFICATE_REQUIRED|certificate required/i.test(`${code ?? ''} ${text}`))
    return clientCertificateWanted;
  return code !== undefined && /CERT|ISSUER|SIGNATURE/.test(code) ? untrusted : undefined;
}

/** The library hands on what Redis said last after too many redirections. */
const wrappedReply = /Last error: ReplyError: ([A-Z]+) /;

function replyOf(error: unknown, text: string): string | undefined {
  const isReply = error instanceof Error && error.name === 'ReplyError';
  if (!isReply) return wrappedReply.exec(text)?.[1];
  return /^[A-Z][A-Z0-9_]*/.exec(text)?.[0] ?? 'ERR';
}

function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : undefined;
}

/** An AggregateError, as of a host with several addresses, says nothing of its own. */
function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') {
    return error.errors.map((each: unknown) => messageOf(each)).join(', ');
  }
  return error instanceof Error ? error.message : String(error);
}
