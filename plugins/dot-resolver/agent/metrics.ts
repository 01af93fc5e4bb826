/** The series of an agent. */
import type { Metrics } from '../../../core/index.ts';

/** Where the answer to a request came from; `failed`: from nowhere. `refused` are requests that no gate is asked. */
export type AnswerSource = 'cache' | 'gate' | 'captive' | 'stale' | 'failed' | 'refused';

export type AgentMetrics = ReturnType<typeof agentMetrics>;

export function agentMetrics(metrics: Metrics) {
  return {
    requests: metrics.counter('agent_requests_total', 'Requests of programs beside the agent.', [
      'transport',
    ]),
    answers: metrics.counter('agent_answers_total', 'Replies by where the answer came from.', ['source']),
    gateUp: metrics.gauge('agent_gate_up', 'Whether the last try to ask a gate had an answer.', ['gate']),
    connections: metrics.gauge('agent_gate_connections', 'Open connections to a gate.', ['gate']),
    resets: metrics.counter(
      'agent_resets_total',
      'Times that connections were dropped because the machine slept or changed its network.',
      [],
    ),
    entries: metrics.gauge('agent_cache_entries', 'Answers in memory.', []),
  };
}
