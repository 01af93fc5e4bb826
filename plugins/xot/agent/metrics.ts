/** The series of an agent, besides those that it has in common with a gate (gate/metrics.ts). */
import type { Metrics } from '../../../core/index.ts';

export type AgentMetrics = ReturnType<typeof agentMetrics>;

export function agentMetrics(metrics: Metrics) {
  return {
    gateUp: metrics.gauge('xot_agent_gate_up', 'Whether the last try to ask a gate had an answer.', [
      'server',
    ]),
  };
}
