/** The series of an agent. Those of its opportunistic zones alone are in opportunistic/metrics.ts. */
import type { Metrics } from '../../../core/index.ts';

/** Who answered: gates, servers of an opportunistic zone, nobody (`failed`), or we, with a no (`refused`). */
export type AnswerSource = 'gates' | 'opportunistic' | 'failed' | 'refused';

export type AgentMetrics = ReturnType<typeof agentMetrics>;

export function agentMetrics(metrics: Metrics) {
  return {
    requests: metrics.counter('agent_requests_total', 'Requests of programs beside the agent.', [
      'transport',
    ]),
    answers: metrics.counter(
      'agent_zone_answers_total',
      'Replies by zone of the configuration, and by where the answer came from.',
      ['zone', 'source'],
    ),
    zoneGates: metrics.gauge(
      'agent_zone_gates',
      'Gates of a strict zone that answered what they were asked last.',
      ['zone'],
    ),
    gateUp: metrics.gauge('agent_gate_up', 'Whether the last try to ask a gate had an answer.', ['gate']),
    connections: metrics.gauge('agent_gate_connections', 'Open connections to a gate.', ['gate']),
    resets: metrics.counter(
      'agent_resets_total',
      'Times that connections were dropped because the machine slept or changed its network.',
      [],
    ),
    underWay: metrics.gauge('agent_questions_under_way', 'Different questions that wait for an answer.', []),
  };
}
