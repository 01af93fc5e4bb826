/**
 * One connection to a server, proved: what the DNS says of it first, then TCP and TLS, with the verdict inside of the
 * handshake. Before it, nothing of ours has left but the server's own name.
 */
import type { TLSSocket } from 'node:tls';
import type { Endpoint } from '../config/endpoint.ts';
import type { PeerCredentials } from '../dane/types.ts';
import { CertificateFormatError } from '../pki/errors.ts';
import type { Resolver } from '../resolver/resolver.ts';
import type { ClientCredentials, DialTls, VerifyServer } from '../tls/dial-context.ts';
import { dial, type AskedByServer } from '../tls/dial.ts';
import { readCredentials } from '../tls/shown-credentials.ts';
import { gatherEvidence, takesRawPublicKey, type Evidence } from './evidence.ts';
import { judgeServer, type ServerVerdict } from './judge-server.ts';
import type { NoAnswerReason } from './reasons.ts';
import type { ServerPolicy } from './server-policy.ts';

/** Whom to connect to, as whom, and how. */
export interface ServerDial {
  readonly endpoint: Endpoint;
  readonly policy: ServerPolicy;
  readonly tls: DialTls;
  /** Who we are; nobody if absent. */
  readonly credentials?: ClientCredentials | undefined;
  /** Offered by ALPN (RFC 7301); "dot" for DNS. */
  readonly alpnProtocols: readonly string[];
  /** Whether the server must take one of them: for zone transfers it must (RFC 9103 section 7.1). */
  readonly needsAlpn: boolean;
  readonly nowMs: () => number;
}

export type ProvedVerdict = Extract<ServerVerdict, { readonly isProved: true }>;

export type OpenedServer =
  | {
      readonly socket: TLSSocket;
      readonly shown: PeerCredentials;
      readonly verdict: ProvedVerdict;
      readonly asked: AskedByServer;
    }
  | {
      readonly socket?: undefined;
      readonly reason: NoAnswerReason;
      readonly detail: string;
      /** Whether TCP was connected. */
      readonly isConnected: boolean;
      /** What the server showed, if it came to that and could be read. */
      readonly shown?: PeerCredentials | undefined;
    };

/** Gathers evidence and connects. Rejects for what is wrong on our side: a policy, a name, a missing addon, a defect. */
export async function openServer(
  server: ServerDial,
  resolver: Resolver,
  timeMs: number,
  signal?: AbortSignal,
): Promise<OpenedServer> {
  const { policy, endpoint, nowMs } = server;
  const gathered = await gatherEvidence(policy, endpoint.port, resolver, nowMs);
  if (gathered.evidence === undefined) {
    return { reason: gathered.reason, detail: gathered.detail, isConnected: false };
  }
  return connectProved(server, gathered.evidence, timeMs, signal);
}

/** Connects, and judges by this evidence. Rejects as openServer does. */
export async function connectProved(
  server: ServerDial,
  evidence: Evidence,
  timeMs: number,
  signal?: AbortSignal,
): Promise<OpenedServer> {
  const { endpoint, policy, tls, credentials, alpnProtocols, needsAlpn } = server;
  const judge = new Judge(policy, evidence, server.nowMs);
  const dialled = await dial({
    address: endpoint.address,
    port: endpoint.port,
    serverName: policy.name?.toString(),
    alpnProtocols,
    needsAlpn,
    tls,
    credentials,
    takesRawPublicKey: takesRawPublicKey(policy, evidence),
    verify: judge.verify,
    timeMs,
    signal,
  });
  const { shown, verdict, defect } = judge;
  if (defect !== undefined) {
    dialled.socket?.destroy();
    throw defect;
  }
  if (dialled.socket !== undefined && verdict?.isProved === true && shown !== undefined) {
    return { socket: dialled.socket, asked: dialled.asked, shown, verdict };
  }
  dialled.socket?.destroy();
  if (verdict?.isProved === false) return { ...verdict, isConnected: true, shown };
  if (dialled.socket !== undefined || dialled.reason === 'not-proved') {
    return { reason: 'tls-failed', detail: 'the server showed nothing', isConnected: true, shown };
  }
  const { reason, detail, isConnected } = dialled;
  return { reason, detail, isConnected, shown };
}

/** Judges inside of one handshake, and remembers what it saw. Knows no socket and no context: see VerifyServer. */
class Judge {
  shown: PeerCredentials | undefined;
  verdict: ServerVerdict | undefined;
  /** A fault of ours. Thrown inside of the handshake it would end that, and be heard of by nobody. */
  defect: Error | undefined;
  readonly #policy: ServerPolicy;
  readonly #evidence: Evidence;
  readonly #nowMs: () => number;

  constructor(policy: ServerPolicy, evidence: Evidence, nowMs: () => number) {
    this.#policy = policy;
    this.#evidence = evidence;
    this.#nowMs = nowMs;
  }

  readonly verify: VerifyServer = (message, type) => {
    try {
      this.shown = readCredentials(message, 'TLSv1.3', type);
      // RFC 8446 section 4.4.2.4: a server must show something.
      if (this.shown === undefined) throw new CertificateFormatError('no certificate');
      this.verdict = judgeServer(this.#policy, this.#evidence, this.shown, this.#nowMs());
    } catch (error) {
      if (!(error instanceof CertificateFormatError)) {
        this.defect =
          error instanceof Error ? error : new Error('the server could not be judged', { cause: error });
        return false;
      }
      this.verdict = { isProved: false, reason: 'server-bad-certificate', detail: error.message };
    }
    return this.verdict.isProved;
  };
}
