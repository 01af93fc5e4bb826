/** How the listeners of tests speak TLS unless a test is about that: with all that the addon gives, padding aside. */
import { defaultExtensionType } from '../../core/tls/client-id.ts';
import type { GateTls } from '../../core/tls/context.ts';

export const everyAbility: GateTls = {
  asksForName: true,
  dialect: 'draft-13',
  extensionType: defaultExtensionType,
  rawPublicKeys: true,
  recordPadding: 0,
  allowsTls12: false,
};
