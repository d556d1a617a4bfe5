export type Locale = 'en' | 'fr';
export type AccountStatus = 'active' | 'suspended';
