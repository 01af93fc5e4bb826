/** The gate of dot-resolver without TLS: see test/support/answer-gate-bed.ts. */
import { dotGateSchema, type DotGateConfig } from '../../../../plugins/dot-resolver/gate/config.ts';
import { dotGate } from '../../../../plugins/dot-resolver/gate/gate.ts';
import { AnswerGateBed, type GateBedOptions } from '../../../support/answer-gate-bed.ts';

export class GateBed extends AnswerGateBed<DotGateConfig> {
  constructor(options: GateBedOptions) {
    super(dotGate, options);
  }
}

/** The typed form of a configuration as it is written. Throws what the schema throws. */
export function configOf(written: Readonly<Record<string, unknown>>): DotGateConfig {
  return dotGateSchema.parse({ listen: ['127.0.0.1:8853'], ...written });
}

/** A zone file whose every name has a TXT record with this text. */
export function zoneOf(text: string): string {
  return `$TTL 300\n@ SOA ns host 1 3600 600 86400 60\n@ NS ns\n@ TXT "${text}"\n* TXT "${text}"\n`;
}
