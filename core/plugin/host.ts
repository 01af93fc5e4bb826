/**
 * The host: gives a plugin's instance what the contract promises, labelled with its name.
 */
import type { AccessControl } from '../acl/access-control.ts';
import type { Grant, Grants } from '../acl/grants.ts';
import type { AccessRequest } from '../acl/model.ts';
import type { Feed } from '../observe/feed.ts';
import type { Log } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { Certificate } from '../pki/certificate.ts';
import type { Resolver } from '../resolver/resolver.ts';
import type { AdmissionBudgets } from '../server/admission-budgets.ts';
import { dnsService } from '../server/dns-service.ts';
import { GateServer } from '../server/gate.ts';
import { connectionLimits } from '../server/limits.ts';
import type { ListenerTlsMeans } from '../server/listener-tls.ts';
import type { GateOptions, GateRequest, PluginHost, RequestHandler } from './contract.ts';

/** What all instances of a daemon share. Functions, so that a reload reaches connections that are to come. */
export interface HostParts extends ListenerTlsMeans {
  readonly access: AccessControl;
  /** Keeps the limits of rules, for all instances together. */
  readonly grants: Grants;
  /** What strangers may still cost, at all listeners together. */
  readonly budgets: AdmissionBudgets;
  readonly resolver: Resolver;
  /** Anchors for TLSA records of the usages PKIX-TA and PKIX-EE. */
  readonly roots: readonly Certificate[];
  readonly log: Log;
  readonly metrics: Metrics;
  /** Where each decision, and each connection, is told to whoever watches. */
  readonly feed?: Feed | undefined;
  readonly nowMs: () => number;
}

/** A host for one instance; `label` tells instances apart in log and metrics. */
export function createHost(label: string, parts: HostParts): PluginHost {
  const { access, grants, budgets, resolver, roots, metrics, nowMs } = parts;
  const log = parts.log.child({ gate: label });
  const feed = parts.feed?.labelled({ gate: label });
  const gates: GateServer[] = [];
  // Requests name no listener: of several, the strictest counts.
  const staleMaxMs = (): number => Math.min(...gates.map(({ limits }) => limits['stale-max']), mostStaleMs);
  const view = access.seenBy?.({ staleMaxMs }) ?? access;
  return {
    access: {
      ask: async (from, request) => {
        const grant = await grants.ask(view, from.client, request);
        if (feed?.isWatched === true) feed.say(decisionEvent(from, request, grant));
        return grant;
      },
    },
    log,
    metrics,
    nowMs,
    listen(options: GateOptions, handler: RequestHandler) {
      const gate = new GateServer({
        addresses: options.addresses,
        limits: options.limits,
        tls: options.tls,
        identity: parts.identity,
        extensionType: parts.extensionType,
        features: parts.features,
        proof: { access, resolver, roots, nowMs },
        service: dnsService(handler),
        budgets,
        log,
        feed,
        metrics,
        label,
      });
      gates.push(gate);
      return gate;
    },
  };
}

/** A decision as it is told to whoever watches. */
function decisionEvent(
  { client, connection }: Pick<GateRequest, 'client' | 'connection'>,
  { action, zone, startsTransfer }: AccessRequest,
  { decision }: Grant,
) {
  const { allowed, reason, entry, rule, view, detail } = decision;
  return {
    event: 'decision',
    connection: connection.id,
    remote: connection.remote,
    client: client?.name,
    action,
    zone,
    transfer: startsTransfer,
    allowed,
    reason,
    entry,
    rule,
    view,
    detail,
  };
}

const mostStaleMs = connectionLimits['stale-max'].max;
