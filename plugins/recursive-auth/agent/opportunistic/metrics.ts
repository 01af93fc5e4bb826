/** The series of opportunistic zones. No server's address is in them: there may be many thousands. */
import type { Metrics } from '../../../../core/index.ts';
import { probeStatuses, type ProbeStatus } from './probe-state.ts';

export interface OpportunisticMeters {
  /** A question that one server was asked; what came of it. */
  question(over: 'tls' | 'clear', outcome: 'answered' | 'failed'): void;
  /** A connection was made, or not. */
  probe(outcome: 'success' | 'fail' | 'timeout'): void;
}

export function opportunisticMeters(
  metrics: Metrics,
  counts: { readonly servers: (status: ProbeStatus) => number; readonly connections: () => number },
): OpportunisticMeters {
  const questions = metrics.counter(
    'agent_opportunistic_questions_total',
    'Questions to single authoritative servers of opportunistic zones, by transport and what came of them.',
    ['transport', 'outcome'],
  );
  const probes = metrics.counter(
    'agent_probes_total',
    'Handshakes of TLS with authoritative servers of opportunistic zones, by what came of them.',
    ['outcome'],
  );
  const servers = metrics.gauge(
    'agent_probe_servers',
    'Authoritative servers of opportunistic zones by what came of the last try of TLS.',
    ['status'],
  );
  for (const status of probeStatuses) servers.follow({ status }, () => counts.servers(status));
  metrics
    .gauge(
      'agent_opportunistic_connections',
      'Open connections of TLS to authoritative servers of opportunistic zones.',
      [],
    )
    .follow({}, counts.connections);
  return {
    question: (transport, outcome) => {
      questions.add({ transport, outcome });
    },
    probe: (outcome) => {
      probes.add({ outcome });
    },
  };
}
