/** What the platform may call an operation. */
export const OPERATION_ID_PATTERN = /^[A-Za-z0-9._:-]{1,128}$/;
