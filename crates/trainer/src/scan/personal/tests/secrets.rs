//! Accounts, persons and secrets: what is found, and what only looks like it.

use super::*;

#[test]
fn cards() {
    finds(
        Kind::Card,
        &[
            "«4111111111111111»",
            "«4111 1111 1111 1111»",
            "«4111-1111-1111-1111».",
            "«4012888888881881» 12/26 123",
            "Visa «4222222222222»",
            "«5555 5555 5555 4444»",
            "«5105105105105100»",
            "«2223 0031 2200 3222»",
            "«378282246310005»",
            "«3782 822463 10005»",
            "«6011 1111 1111 1117»",
            "«6011000990139424»",
            "«3530 1113 3330 0000»",
            "«30569309025904»",
            "«3852 000002 3237»",
            "«2200 0000 0000 0004»",
            "card number: «4000000000000000006»",
            "«4000 0000 0000 0000 006»",
            "«6200 0000 0000 0005»",
            "card:«4000056655665556»,",
            "卡号«4111111111111111»。",
        ],
    );
    passes(&[
        "4111111111111112",
        "4006381333931",
        "4222222222222",
        "4000000000000000006",
        "4111 1111 1111 1112",
        "5555 5555 5555 4445",
        "1234567812345670",
        "9111111111111111",
        "411111111111111",
        "41111111111111111",
        "4111 11111111 1111",
        "4111-1111 1111-1111",
        "a4111111111111111",
        "4111111111111111a",
        "0x4111111111111111",
        "4111111111111111.5",
        "1.4111111111111111",
        "0000000000000000",
        "1700000000000000",
        "4111_1111_1111_1111",
        "order-4111111111111111",
        "$4111111111111111",
        "4111111111111111%",
        "6200 0000 0000 0006",
        "378282246310006",
    ]);
}

#[test]
fn bank_accounts() {
    finds(
        Kind::Iban,
        &[
            "«DE89370400440532013000»",
            "«DE89 3704 0044 0532 0130 00».",
            "«GB82 WEST 1234 5698 7654 32»",
            "IBAN:«FR1420041010050500013M02606»",
            "«ES91 2100 0418 4502 0005 1332»",
            "«IT60X0542811101000000123456»",
            "«NL91ABNA0417164300»,",
            "«BE68 5390 0754 7034»",
            "«CH93 0076 2011 6238 5295 7»",
            "«AT611904300234573201»",
            "«PL61109010140000071219812874»",
            "«SE45 5000 0000 0583 9825 7466»",
            "«NO93 8601 1117 947»",
            "«MT84MALT011000012345MTLCAST001S»",
            "«SA03 8000 0000 6080 1016 7519»",
            "«BR1800360305000010009795493C1»",
            "«UA213223130000026007233566001»",
            "账号«DE89370400440532013000»",
        ],
    );
    passes(&[
        "DE89370400440532013001",
        "DE8937040044053201300",
        "DE893704004405320130000",
        "DE89 3704 0044 0532 0130 01",
        "GB82 WEST 1234 5698 7654 33",
        "XX89370400440532013000",
        "de89370400440532013000",
        "ADE89370400440532013000",
        "DE89-3704-0044-0532-0130-00",
        "DE89 37040044 05320130 00",
        "NO93 8601 1117 948",
        "NO93 8601 1117 947A",
        "ISO9001",
        "GB82",
        "FR1420041010050500013M02607",
        "BE68 5390 0754 7035",
        "SHA256",
        "DE89 3704\n0044 0532 0130 00",
    ]);
}

#[test]
fn numbers_of_persons() {
    finds(
        Kind::Ssn,
        &[
            "«123-45-6789»",
            "SSN «536-22-1234».",
            "ssn:«001-01-0001»",
            "social security number «536 22 1234»",
            "(«899-99-9999»)",
            "号码«123-45-6789»",
        ],
    );
    finds(
        Kind::Snils,
        &[
            "«112-233-445 95»",
            "СНИЛС: «112-233-445-95».",
            "снилс «11223344595»",
            "СНИЛС «112 233 445 95»",
            "номер «087-654-303 00»",
        ],
    );
    finds(
        Kind::Inn,
        &[
            "ИНН «7707083893»",
            "инн: «500100732259».",
            "INN «7707083893»",
            "ИНН/КПП: «7707083893»/773601001",
        ],
    );
    passes(&[
        "000-45-6789",
        "666-45-6789",
        "900-45-6789",
        "123-00-6789",
        "123-45-0000",
        "078-05-1120",
        "219-09-9999",
        "123-45-67890",
        "1123-45-6789",
        "123 45 6789",
        "123-456-789",
        "123.45.6789",
        "a123-45-6789",
        "123-45-6789-1",
        "123456789",
        "#123-45-6789",
        "112-233-445 96",
        "11223344595",
        "112 233 445 95",
        "112-233-445",
        "СНИЛС 11223344596",
        "1112-233-445 95",
        "7707083893",
        "ИНН 7707083894",
        "500100732259",
        "ИНН 500100732258",
        "ИНН 77070838",
        "винни 7707083893",
    ]);
}

#[test]
fn api_keys() {
    finds(
        Kind::ApiKey,
        &[
            "«sk-AbCdEfGhIjKlMnOpQrStT3BlbkFJUvWxYz0123456789AbCd»",
            "key: «sk-proj-Ab_CdEf0123456789-AbCdEf0123456789AbCdEf0123456789»",
            "\"«sk-svcacct-Ab_CdEf0123456789-AbCdEf0123456789AbCdEf0123456789»\"",
            "«sk-ant-api03-Ab_CdEf0123456789-AbCdEf0123456789AbCdEf0123456789AA»",
            "«sk-or-v1-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef»",
            "«ghp_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789»",
            "https://«gho_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789»@github.com",
            "«github_pat_11ABCDEFG0abcdefghijkl_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789AbCdEfGhIjKlMnOpQrStUvW»",
            "«AKIAIOSFODNN7EXAMPLE»",
            "AWS_ACCESS_KEY_ID=«ASIAIOSFODNN7EXAMPLE»",
            "«AIzaSyA-1234567890abcdefghijklmnopqrstu»",
            "«xoxb-123456789012-1234567890123-AbCdEfGhIjKl»",
            "«xoxp-123456789012-123456789012-abcdef»",
            "«sk_live_4eC39HqLyjWDarjtT1zdp7dc»",
            "«rk_test_4eC39HqLyjWDarjtT1zdp7dc»,",
            "«hf_AbCdEfGhIjKlMnOpQrStUvWxYzAbCdEfGh»",
            "«glpat-AbCdEfGhIjKlMnOpQrSt»",
            "«npm_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789»",
            "«gsk_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789AbCdEfGhIjKlMnOp»",
            "«SG.AbCdEfGhIjKlMnOpQrStUv.AbCdEfGhIjKlMnOpQrStUvWxYz0123456789AbCdEfG»",
            "«dop_v1_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef»",
            "secret_key: «sk_test_4eC39HqLyjWDarjtT1zdp7dc»",
            "OPENAI_API_KEY='«sk-proj-Ab_CdEf0123456789-AbCdEf0123456789AbCdEf0123456789»'",
            "密钥«sk-AbCdEfGhIjKlMnOpQrStT3BlbkFJUvWxYz0123456789AbCd»。",
        ],
    );
    passes(&[
        "sk-learn",
        "sk-toggleable__content-fitted-label-arrow-and-more-of-it",
        "sk-SK",
        "sk-",
        "sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "sk-proj-...",
        "sk-ant-api03-...",
        "task-AbCdEfGhIjKlMnOpQrStT3BlbkFJUvWxYz0123456789AbCd",
        "ghp_short",
        "AKIA",
        "AKIAIOSFODNN7EXAMPL",
        "AKIAIOSFODNN7EXAMPLES",
        "akiaiosfodnn7example",
        "AIzaSyA",
        "xoxb-",
        "xoxo-hugs-and-kisses-to-all",
        "hf_hub_download",
        "hf_model_name_or_path_of_the_checkpoint",
        "npm_config_registry",
        "pk_live_4eC39HqLyjWDarjtT1zdp7dc",
        "github_pat_",
        "glpat-",
        "SG.example",
        "SKU0123456789abcdef0123456789abcdef",
        "whsec_",
        "dapi",
    ]);
}

#[test]
fn tokens_and_private_keys() {
    finds(
        Kind::Jwt,
        &[
            "«eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U»",
            "Bearer «eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U»\n",
        ],
    );
    finds(
        Kind::PrivateKey,
        &[
            "«-----BEGIN PRIVATE KEY-----\nMIIEvQ==\n-----END PRIVATE KEY-----»\n",
            "«-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4\n\nMIIE\n-----END RSA PRIVATE KEY-----»",
            "k=\"«-----BEGIN EC PRIVATE KEY-----\\nMHcC\\n-----END EC PRIVATE KEY-----»\"",
            "«-----BEGIN PGP PRIVATE KEY BLOCK-----\nlQ\n-----END PGP PRIVATE KEY BLOCK-----»",
            "«-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQ»",
        ],
    );
    passes(&[
        "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY----- goes first",
        "-----",
        "eyJhbGciOiJIUzI1NiJ9",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0",
        "eyJ.eyJ.x",
        "eyJ",
        "eyJhbGciOiJIUzI1NiJ9.abcdefghijkl.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
        "---BEGIN",
    ]);
}

#[test]
fn passwords() {
    finds(
        Kind::Password,
        &[
            "password=«hunter22»",
            "password: «hunter22»,",
            "password = \"«correct-horse»\"",
            "'password': '«qwerty»'",
            "DB_PASSWORD=«s3cr3t!!»\n",
            "\"apiKey\": \"«0123456789abcdef»\"",
            "api_key='«0123456789abcdef»'",
            "client-secret => \"«abcd1234»\"",
            "PGPASSWORD := «abcd1234»",
            "пароль: «qwerty123»",
            "Пароль — нет, пароль:«qwerty123».",
            "AWS_SECRET_ACCESS_KEY=«wJalrXUtnFEMI/K7MDENG/bPxRfiCYEX9»",
            "Password: «Tr0ub4dor#3»",
            "postgres://app:«hunter22»@db.example.org/app",
            "https://x.org/?access_token=«abcdef123456»&y=1",
            "auth_token: `«abc123def»`",
            "Passwort: «geheim99»",
        ],
    );
    passes(&[
        "password=None",
        "password = \"\"",
        "password: str",
        "SECRET_KEY: _bindgen_ty_3",
        "GenericSecret => \"GENERIC_SECRET\"",
        "Password = \"password\"",
        "secret: 0x0017",
        "password=\"0000000000\"",
        "type password = 'pass'",
        "http://user:password@host",
        "api_key=\"sk-no-key-required\"",
        "password=password",
        "password == x123456",
        "The password: it must have 8 characters",
        "password=${PASSWORD1}",
        "password=\"<password>\"",
        "password = get_password1()",
        "password=os.environ1",
        "password: your_password1",
        "password=\"changeme\"",
        "password: ********",
        "password='{{ pw1 }}'",
        "token = next(tokens1)",
        "secret: [PASSWORD]",
        "password=[PASSWORD_1]",
        "password='[PASSWORD]'",
        "passwords: abc12345",
        "password: see 12345678",
        "key: abc12345",
        "the secret: a word",
        "password_hash=abc12345",
        "forgot password? 12345678",
        "password=\"a b c d\"",
        "password=self.password1",
    ]);
}
