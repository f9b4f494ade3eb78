const OWN_FRAMES = 8;

/**
 * What may be logged of an error: its kind, code and where it was thrown. Messages stay out where they quote data: those
 * of the database (they carry `severity`) and of parsers.
 */
export const faultOf = (error: unknown): { error: string; message?: string; errorCode?: string; frames?: string[] } => {
  if (!(error instanceof Error)) return { error: typeof error };
  const { code } = error as { code?: unknown };
  const quotesData = 'severity' in error || error instanceof SyntaxError;
  return {
    error: error.name,
    ...(!quotesData && { message: error.message }),
    ...(typeof code === 'string' && { errorCode: code }),
    frames: (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line)).slice(0, OWN_FRAMES).map((line) => line.trim()),
  };
};
