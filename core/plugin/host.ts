/**
 * The host: gives a plugin's instance what the contract promises, labelled with its name.
 */
import type { AccessControl } from '../acl/access-control.ts';
import type { Log } from '../observe/log.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { Certificate } from '../pki/certificate.ts';
import type { Resolver } from '../resolver/resolver.ts';
import { dnsService } from '../server/dns-service.ts';
import { GateServer } from '../server/gate.ts';
import type { ListenerTlsMeans } from '../server/listener-tls.ts';
import type { GateOptions, PluginHost, RequestHandler } from './contract.ts';

/** What all instances of a daemon share. Functions, so that a reload reaches connections that are to come. */
export interface HostParts extends ListenerTlsMeans {
  readonly access: AccessControl;
  readonly resolver: Resolver;
  /** Anchors for TLSA records of the usages PKIX-TA and PKIX-EE. */
  readonly roots: readonly Certificate[];
  readonly log: Log;
  readonly metrics: Metrics;
  readonly nowMs: () => number;
}

/** A host for one instance; `label` tells instances apart in log and metrics. */
export function createHost(label: string, parts: HostParts): PluginHost {
  const { access, resolver, roots, metrics, nowMs } = parts;
  const log = parts.log.child({ gate: label });
  return {
    access,
    log,
    metrics,
    nowMs,
    listen(options: GateOptions, handler: RequestHandler) {
      return new GateServer({
        addresses: options.addresses,
        limits: options.limits,
        tls: options.tls,
        identity: parts.identity,
        extensionType: parts.extensionType,
        features: parts.features,
        proof: { access, resolver, roots, nowMs },
        service: dnsService(handler),
        log,
        metrics,
        label,
      });
    },
  };
}
