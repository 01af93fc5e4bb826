/** The series of agents whose gates are asked questions (GatePool). */
import type { Counter, Gauge, Metrics } from '../observe/metrics.ts';
import type { GateState } from './gate-pool.ts';

export interface GateMetrics {
  readonly requests: Counter;
  readonly resets: Counter;
  readonly gateUp: Gauge;
  readonly connections: Gauge;
}

export function gateMetrics(metrics: Metrics): GateMetrics {
  return {
    requests: metrics.counter('agent_requests_total', 'Requests of programs beside the agent.', [
      'transport',
    ]),
    gateUp: metrics.gauge('agent_gate_up', 'Whether the last try to ask a gate had an answer.', ['gate']),
    connections: metrics.gauge('agent_gate_connections', 'Open connections to a gate.', ['gate']),
    resets: metrics.counter(
      'agent_resets_total',
      'Times that connections were dropped because the machine slept or changed its network.',
      [],
    ),
  };
}

/** Shows one gate as it is in `states` when somebody reads it. */
export function followGate(
  { gateUp, connections }: GateMetrics,
  gate: string,
  states: () => readonly GateState[],
): void {
  const state = () => states().find((one) => one.gate === gate);
  gateUp.follow({ gate }, () => (state()?.hasAnswered === true ? 1 : 0));
  connections.follow({ gate }, () => state()?.connections ?? 0);
}
