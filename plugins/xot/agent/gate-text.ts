/**
 * A gate as one text: `192.0.2.1#xfr.example`, `[2001:db8::1]:8853#xfr.example` (upstream/target.ts); or, where it is proved by
 * its key alone, `192.0.2.1`.
 */
import { parseEndpoint, type Endpoint, type Name } from '../../../core/index.ts';
import { parseUpstream } from '../upstream/target.ts';

/** Whom to ask. */
export interface GateText {
  /** As it is called in logs and errors. */
  readonly text: string;
  readonly at: Endpoint;
  /** Undefined: it is proved by its key. */
  readonly name: Name | undefined;
}

/** RFC 9103 section 7.3: the port of XoT. */
export const xotPort = 853;

/** Reads one. Throws RangeError with words that follow the quoted text. */
export function parseGateText(text: string): GateText {
  if (text.includes('#')) {
    const { endpoint, name } = parseUpstream(text);
    return { text, at: endpoint, name };
  }
  const at = parseEndpoint(text, xotPort);
  if (at.port === 0) throw new RangeError('has port 0, at which nobody can be asked');
  return { text, at, name: undefined };
}
