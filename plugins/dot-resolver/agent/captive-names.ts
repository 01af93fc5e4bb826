/**
 * The names by which systems find out whether a network keeps them from the internet until somebody has logged in there: what
 * `well-known` stands for.
 *
 * Limitations: names that serve for something else as well (www.google.com, fedoraproject.org) are left out; who needs them
 * writes them down.
 */
import { Name } from '../../../core/index.ts';

const texts = [
  // Windows
  'www.msftconnecttest.com',
  'ipv6.msftconnecttest.com',
  'dns.msftncsi.com',
  'www.msftncsi.com',
  // macOS, iOS
  'captive.apple.com',
  // Android, ChromeOS
  'connectivitycheck.gstatic.com',
  'connectivitycheck.android.com',
  // Firefox
  'detectportal.firefox.com',
  // NetworkManager, as distributions and desktops set it up
  'nmcheck.gnome.org',
  'networkcheck.kde.org',
  'network-test.debian.org',
  'connectivity-check.ubuntu.com',
  'ping.archlinux.org',
  'conncheck.opensuse.org',
];

export const wellKnownNames: readonly Name[] = texts.map((text) => Name.parse(text));
