/**
 * The host: gives a plugin's instance what the contract promises, labelled with its name.
 */
import { resolve } from 'node:path';
import type { AccessControl } from '../acl/access-control.ts';
import type { Budgets } from '../acl/budgets.ts';
import type { Grants } from '../acl/grants.ts';
import type { AccessRequest, Decision } from '../acl/model.ts';
import { ServerLink } from '../client/server-link.ts';
import type { InheritedSockets } from '../do53/inherited.ts';
import { Do53Server } from '../do53/server.ts';
import type { Name } from '../dns/name.ts';
import type { Feed } from '../observe/feed.ts';
import type { Log } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { Certificate } from '../pki/certificate.ts';
import type { Resolver } from '../resolver/resolver.ts';
import type { AdmissionBudgets } from '../server/admission-budgets.ts';
import { answerService, dnsService } from '../server/dns-service.ts';
import { GateServer } from '../server/gate.ts';
import { connectionLimits } from '../server/limits.ts';
import type { ListenerTlsMeans } from '../server/listener-tls.ts';
import type { ConnectionService } from '../server/service.ts';
import type { GateOptions, GateRequest, PluginHost } from './contract.ts';

/** What all instances of a daemon share. Functions, so that a reload reaches connections that are to come. */
export interface HostParts extends ListenerTlsMeans {
  /** Owner name of our TLSA record, said to servers that ask. */
  readonly ownName: Name;
  /** Absolute: what relative paths of the configuration begin at. */
  readonly folder: string;
  readonly access: AccessControl;
  /** Keeps the limits of rules, for all instances together. */
  readonly grants: Grants;
  /** What the limits of rules are counted by, and those of plugins. */
  readonly rates: Pick<Budgets, 'take'>;
  /** What strangers may still cost, at all listeners together. */
  readonly budgets: AdmissionBudgets;
  readonly resolver: Resolver;
  /** Sockets that our starter opened for plain DNS; none if absent. */
  readonly inherited?: InheritedSockets | undefined;
  /** Anchors for TLSA records of the usages PKIX-TA and PKIX-EE. */
  readonly roots: readonly Certificate[];
  readonly log: Log;
  readonly metrics: Metrics;
  /** Where each decision, and each connection, is told to whoever watches. */
  readonly feed?: Feed | undefined;
  readonly nowMs: () => number;
  /** Whether other processes of ours listen on the same ports (SO_REUSEPORT). */
  readonly sharesPorts?: boolean | undefined;
}

/** A host for one instance; `label` tells instances apart in log and metrics. */
export function createHost(label: string, parts: HostParts): PluginHost {
  const { access, grants, budgets, resolver, roots, metrics, nowMs } = parts;
  const log = parts.log.child({ gate: label });
  const feed = parts.feed?.labelled({ gate: label });
  const gates: GateServer[] = [];
  // Requests name no listener: of several, one that hides its clients hides them all.
  let hidesClients = false;
  const say = (from: Asker, request: AccessRequest, decision: Decision): void => {
    if (feed?.isWatched === true) feed.say(decisionEvent(from, request, decision, hidesClients));
  };
  // Requests name no listener: of several, the strictest counts.
  const staleMaxMs = (): number => Math.min(...gates.map(({ limits }) => limits['stale-max']), mostStaleMs);
  const view = access.seenBy?.({ staleMaxMs }) ?? access;
  const open = (options: GateOptions, service: ConnectionService): GateServer => {
    const gate = new GateServer({
      ...options,
      identity: parts.identity,
      extensionType: parts.extensionType,
      features: parts.features,
      proof: { access, resolver, roots, nowMs },
      service,
      budgets,
      log,
      feed,
      metrics,
      label,
      sharesPorts: parts.sharesPorts,
    });
    gates.push(gate);
    hidesClients ||= options.whoIsServed === 'hidden';
    return gate;
  };
  return {
    access: {
      ask: async (from, request) => {
        const grant = await grants.ask(view, from.client, request);
        say(from, request, grant.decision);
        return grant;
      },
      decide: async (from, request) => {
        const { client } = from;
        const decision = await (client === undefined
          ? view.decideAnonymous(request)
          : view.decide(client, request));
        say(from, request, decision);
        return decision;
      },
      charger: (client, decision) => grants.charger(client, decision),
    },
    allowances: {
      bucket: (name) => {
        // No key of a client's rule begins with this: those begin with the length of a label. Joined, and not a template, which
        // V8 keeps in parts that are slow to look up.
        const key = ['~', label, ' ', name].join('');
        return { take: (allowance) => parts.rates.take(key, allowance) };
      },
    },
    connect({ endpoint, policy, alpn, limits }) {
      return new ServerLink({
        endpoint,
        policy,
        limits,
        tls: { dialect: 'draft-13', extensionType: parts.extensionType, recordPadding: 0 },
        // As it is when a connection is made: identities are reloaded.
        get credentials() {
          return { identity: parts.identity(), name: parts.ownName, shows: 'either' } as const;
        },
        alpnProtocols: [alpn],
        needsAlpn: true,
        nowMs,
        random: Math.random,
        resolver,
        log,
      });
    },
    listenPlain: ({ addresses, limits }, handler) =>
      new Do53Server({
        addresses,
        limits,
        handler,
        inherited: parts.inherited,
        reusePort: parts.sharesPorts,
        log,
        metrics,
        label,
      }),
    resolver,
    absolutePath: (file) => resolve(parts.folder, file),
    log,
    metrics,
    nowMs,
    listen: (options, handler) => open(options, dnsService(handler)),
    answer: (options, begin) => open(options, answerService(begin)),
  };
}

type Asker = Pick<GateRequest, 'client' | 'connection'>;

/** A decision as it is told to whoever watches. Of a hidden client without what may have its name: that of the entry is it. */
function decisionEvent(
  { client, connection }: Asker,
  { action, zone, startsTransfer }: AccessRequest,
  { allowed, reason, entry, rule, view, detail, roles }: Decision,
  isHidden: boolean,
) {
  const what = { action, zone, transfer: startsTransfer, allowed, reason };
  if (isHidden) {
    const hidden = client === undefined ? undefined : true;
    return { event: 'decision', hidden, ...what, roles: roles.join(' '), rule, view };
  }
  const who = { connection: connection.id, remote: connection.remote, client: client?.name };
  return { event: 'decision', ...who, ...what, entry, rule, view, detail };
}

const mostStaleMs = connectionLimits['stale-max'].max;
