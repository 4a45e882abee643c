/** The addon: the file that was built here, or the package of the platform. */
declare module '*.node' {
  const native: typeof import('./native');
  export = native;
}

declare module '@faye-websocket-rs/*' {
  const native: typeof import('./native');
  export = native;
}
