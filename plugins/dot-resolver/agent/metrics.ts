/** The series of an agent. */
import { gateMetrics, type Metrics } from '../../../core/index.ts';

/** Where the answer to a request came from; `failed`: from nowhere. `refused` are requests that no gate is asked. */
export type AnswerSource = 'cache' | 'gate' | 'captive' | 'stale' | 'failed' | 'refused';

export type AgentMetrics = ReturnType<typeof agentMetrics>;

export function agentMetrics(metrics: Metrics) {
  return {
    ...gateMetrics(metrics),
    answers: metrics.counter('agent_answers_total', 'Replies by where the answer came from.', ['source']),
    entries: metrics.gauge('agent_cache_entries', 'Answers in memory.', []),
  };
}
