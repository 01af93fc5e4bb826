/** The noes of the agent: what the server beside it is told of each. */
import { EdeCode, Rcode } from '../../../core/index.ts';
import type { Refusal } from '../request/request.ts';

/** RFC 8914 section 4.19. */
export const notAllowed: Refusal = {
  rcode: Rcode.REFUSED,
  infoCode: EdeCode.PROHIBITED,
  text: 'this address may not ask here',
};
/** RFC 5936 section 4.2: there is no AXFR by UDP. */
export const axfrByUdp: Refusal = {
  rcode: Rcode.REFUSED,
  infoCode: EdeCode.NOT_SUPPORTED,
  text: 'AXFR is for TCP',
};
