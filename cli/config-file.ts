/** Where the configuration is unless a command is told otherwise. */
export const defaultConfigFile = '/etc/danced/danced.yaml';
