/** `192.0.2.1:4711` and `[2001:db8::1]:4711`, also without the port; not an IPv6 address without brackets. */
const WITH_PORT = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::\d*)?$/;

/**
 * An IP address without what some write beside it: the caller's port (Azure's gateway in X-Forwarded-For), brackets, and the
 * prefix of an IPv4 caller on a dual-stack socket. All connections of one caller get the same text.
 */
export const bareAddress = (text: string): string => {
  const [, bracketed, plain] = WITH_PORT.exec(text) ?? [];
  return (bracketed ?? plain ?? text).replace(/^::ffff:(?=\d+\.)/i, '');
};
