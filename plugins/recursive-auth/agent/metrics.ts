/** The series of an agent. Those of its opportunistic zones alone are in opportunistic/metrics.ts. */
import { gateMetrics, type Metrics } from '../../../core/index.ts';

/** Who answered: gates, servers of an opportunistic zone, nobody (`failed`), or we, with a no (`refused`). */
export type AnswerSource = 'gates' | 'opportunistic' | 'failed' | 'refused';

export type AgentMetrics = ReturnType<typeof agentMetrics>;

export function agentMetrics(metrics: Metrics) {
  return {
    ...gateMetrics(metrics),
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
    underWay: metrics.gauge('agent_questions_under_way', 'Different questions that wait for an answer.', []),
  };
}
