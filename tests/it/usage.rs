//! Where old code mentions a column or table, one language and framework at a time.

use holdshort::change::Snapshot;
use holdshort::usage::{Grade, Interest, Options, SourceKind, Target, TargetKind, Usage, search};

fn target(kind: TargetKind, table: Option<&str>, name: &str, interest: Interest) -> Target {
    Target { id: 7, kind, table: table.map(str::to_owned), name: name.to_owned(), interest }
}

fn run(files: &[(&str, &str)], target: Target) -> Usage {
    let options = Options::new(&["legacy/**".to_owned()], &["db/changes".to_owned()]).unwrap();
    search(&Snapshot::from_memory(files.iter().copied()), &[target], &options).unwrap()
}

fn column(path: &str, text: &str) -> Option<Grade> {
    let target = target(TargetKind::Column, Some("users"), "nick_name", Interest::AnyReference);
    run(&[(path, text)], target).references.first().map(|reference| reference.grade)
}

fn table(path: &str, text: &str) -> Option<Grade> {
    run(&[(path, text)], target(TargetKind::Table, None, "order_items", Interest::AnyReference)).references.first().map(|r| r.grade)
}

fn omitting(path: &str, text: &str) -> Option<Grade> {
    let target = target(TargetKind::Column, Some("users"), "tenant_id", Interest::WritersOmitting);
    run(&[(path, text)], target).references.first().map(|reference| reference.grade)
}

/// The table or its model and the column meet.
const CERTAIN: &[(&str, &str)] = &[
    ("a.rb", "class User < ApplicationRecord\n  validates :nick_name, presence: true\nend\n"),
    ("a.rb", "x = User.where(active: true)\n  .order(:nick_name)\n"),
    ("a.rb", "class Person < ApplicationRecord\n  self.table_name = \"users\"\n  def to_s = nick_name\nend\n"),
    ("a.rb", "sql = <<~SQL\n  select id, nick_name\n  from users\nSQL\n"),
    ("a.rb", "User.find_by_nick_name(x)\n"),
    ("a.py", "class User(models.Model):\n    nick_name = models.CharField(max_length=9)\n"),
    ("a.py", "class Account(Base):\n    __tablename__ = 'users'\n    nick = Column('nick_name', String)\n"),
    ("a.py", "class Person(models.Model):\n    nick_name = models.TextField()\n    class Meta:\n        db_table = 'users'\n"),
    ("a.py", "q = User.objects.filter(nick_name__icontains='x')\n"),
    ("a.py", "cur.execute(\"SELECT id, nick_name \"\n            \"FROM users WHERE id = %s\", [1])\n"),
    ("a.go", "type User struct {\n\tNick string `gorm:\"column:nick_name\"`\n}\n"),
    ("a.go", "type account struct {\n\tNickName string\n}\nfunc (account) TableName() string { return \"users\" }\n"),
    ("a.go", "db.Model(&User{}).Where(\"nick_name = ?\", n).Count(&c)\n"),
    ("a.go", "rows, err := db.Query(`SELECT u.nick_name FROM users u`)\n"),
    ("A.java", "@Entity\n@Table(name = \"users\")\npublic class Account {\n  @Column(name = \"nick_name\") String nick;\n}\n"),
    ("A.java", "@Query(\"select u.nickName from User u where u.id = ?1\")\nString nick(long id);\n"),
    ("A.kt", "@Entity\n@Table(name = \"users\")\nclass Account(\n  val nickName: String,\n)\n"),
    (
        "A.kt",
        "@Entity\n@Table(name = \"users\")\ndata class Account(\n  val nickName: String,\n)\n\ninterface Accounts : JpaRepository<Account, Long> {\n  fun one(): AccountEntity\n}\n",
    ),
    ("a.ts", "@Entity('users')\nexport class Account {\n  @Column() nickName: string;\n}\n"),
    ("a.ts", "export const accounts = pgTable('users', {\n  nick: text('nick_name'),\n});\n"),
    ("a.ts", "const { data } = await supabase.from('users').select('id, nick_name');\n"),
    ("a.dart", "final rows = await client.from('users').select('nick_name,id');\n"),
    ("a.ts", "const u = await prisma.user.findMany({\n  where: { nickName: 'x' },\n});\n"),
    ("a.js", "const rows = await knex('users').where({ nick_name: n });\n"),
    ("a.js", "const User = sequelize.define('users', {\n  nickName: DataTypes.STRING,\n});\n"),
    ("schema.prisma", "model User {\n  id Int @id\n  nickName String @map(\"nick_name\")\n}\n"),
    (
        "schema.prisma",
        "model Person {\n  id Int @id @default(autoincrement())\n  tags Tag[]\n  nick_name String @default(\"\")\n  @@index([id])\n  @@map(\"users\")\n}\n",
    ),
    ("a.rs", "let n = users::nick_name.eq(\"x\");\n"),
    ("a.rs", "#[derive(Queryable)]\n#[diesel(table_name = users)]\npub struct Account {\n    pub nick_name: String,\n}\n"),
    ("a.rs", "#[derive(DeriveEntityModel)]\n#[sea_orm(table_name = \"users\")]\npub struct Model {\n    pub nick_name: String,\n}\n"),
    ("a.rs", "sqlx::query!(r#\"UPDATE users SET nick_name = $1\"#, n)\n"),
    ("a.php", "<?php\nclass Account extends Model {\n  protected $table = 'users';\n  protected $fillable = ['nick_name'];\n}\n"),
    ("a.php", "<?php\n$x = DB::table('users')->where('nick_name', $n)->get();\n"),
    ("a.cs", "[Table(\"users\")]\npublic class Account {\n  public string NickName { get; set; }\n}\n"),
    ("a.cs", "var x = db.Users.Where(u => u.NickName == n);\n"),
    ("a.ex", "defmodule App.Account do\n  use Ecto.Schema\n  schema \"users\" do\n    field :nick_name, :string\n  end\nend\n"),
    ("a.ex", "from(u in User, where: u.nick_name == ^n)\n"),
    ("q.sql", "select u.nick_name from users u;\n"),
];

#[test]
fn the_table_and_the_column_meet() {
    let wrong: Vec<_> = CERTAIN.iter().map(|(path, text)| (column(path, text), text)).filter(|(g, _)| *g != Some(Grade::Certain)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Comments, tests, old migrations, vendored and generated code, documentation and excluded files.
const NOT_EVIDENCE: &[(&str, &str)] = &[
    ("a.rb", "# User.nick_name is gone\nclass Order < ApplicationRecord\nend\n"),
    ("a.rb", "class User < ApplicationRecord\n  self.ignored_columns += %w[nick_name]\nend\n"),
    ("spec/models/user_spec.rb", "User.where(nick_name: 1)\n"),
    ("db/migrate/1_x.rb", "add_column :users, :nick_name, :string\n"),
    ("a.py", "def f():\n    \"\"\"users.nick_name\"\"\"\n    return 1  # users.nick_name\n"),
    ("test_a.py", "User.objects.filter(nick_name=1)\n"),
    ("a.go", "package a\n// users.nick_name\n/* User{NickName} */\n"),
    ("a_test.go", "var x = users.nick_name\n"),
    ("x.pb.go", "type User struct { NickName string }\n"),
    ("src/test/A.java", "@Table(name=\"users\") class U { String nickName; }\n"),
    ("A.java", "// User.nickName\nclass User {}\n"),
    ("a.ts", "/* users.nickName */ class User {}\n"),
    ("a.spec.ts", "prisma.user.findMany({ where: { nickName: 1 } })\n"),
    ("node_modules/a.js", "knex('users').where({ nick_name: 1 })\n"),
    ("a.rs", "// users::nick_name\nstruct User;\n"),
    ("a.php", "<?php\n# users.nick_name\nclass User {}\n"),
    ("a.cs", "// User.NickName\nclass User {}\n"),
    ("a.ex", "defmodule User do\n  @moduledoc \"\"\"\n  nick_name of users\n  \"\"\"\nend\n"),
    ("q.sql", "-- users.nick_name\nselect 1;\n"),
    ("db/changes/V1.sql", "alter table users add nick_name text;\n"),
    ("legacy/a.sql", "select nick_name from users;\n"),
    ("README.md", "users.nick_name\n"),
    ("a.py", "user.nick_name_history = users.old_nick_name\n"),
];

#[test]
fn what_does_not_run_is_no_evidence() {
    let wrong: Vec<_> = NOT_EVIDENCE.iter().map(|(path, text)| (column(path, text), path, text)).filter(|(g, ..)| g.is_some()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The same column name of another table is only the bare word.
const OTHERS: &[(&str, &str)] = &[
    ("a.rb", "class Pet < ApplicationRecord\n  validates :nick_name\nend\n"),
    ("a.py", "class Pet(models.Model):\n    nick_name = models.TextField()\n"),
    ("a.go", "type Pet struct {\n\tNick string `db:\"nick_name\"`\n}\n"),
    ("A.java", "@Entity @Table(name = \"pets\")\nclass Pet { String nickName; }\n"),
    ("a.ts", "@Entity('pets')\nclass Pet { @Column() nickName: string; }\n"),
    ("a.rs", "let n = pets::nick_name.eq(1);\n"),
    ("a.php", "<?php\nclass Pet extends Model { protected $fillable = ['nick_name']; }\n"),
    ("a.cs", "[Table(\"pets\")]\nclass Pet { string NickName; }\n"),
    ("a.ex", "schema \"pets\" do\n  field :nick_name\nend\n"),
    ("q.sql", "select p.nick_name from users u join pets p on true;\n"),
    ("db/schema.rb", "create_table \"users\" do |t|\n  t.string \"nick_name\"\nend\n"),
];

#[test]
fn a_column_of_another_table_is_only_possible() {
    let wrong: Vec<_> = OTHERS.iter().map(|(path, text)| (column(path, text), text)).filter(|(g, _)| *g != Some(Grade::Possible)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn activerecord_and_select_star_read_every_column() {
    assert_eq!(column("a.rb", "class User < ApplicationRecord\nend\n"), Some(Grade::Likely));
    assert_eq!(column("a.go", "db.Select(&us, \"SELECT * FROM users\")\n"), Some(Grade::Likely));
    assert_eq!(column("a.go", "db.Select(&us, \"SELECT count(*) FROM users\")\n"), None);
    assert_eq!(column("a.js", "const u = await db.query('SELECT * FROM users');\n"), Some(Grade::Possible));
    // The same word of another table says nothing of this one's columns.
    assert_eq!(column("a.sql", "SELECT * FROM users;\nSELECT nick_name FROM pets;\n"), Some(Grade::Possible));
    assert_eq!(column("a.sql", "-- name: one\nSELECT 1 FROM users\n\n-- name: two\nSELECT * FROM pets\n"), None);
    assert_eq!(column("a.go", "db.Select(&us, \"SELECT o.* FROM users u JOIN orders o ON true\")\n"), None);
}

#[test]
fn tables_are_found_in_sql_and_through_models() {
    assert_eq!(table("a.py", "x = 'select 1 from order_items'\n"), Some(Grade::Certain));
    assert_eq!(table("a.rb", "class OrderItem < ApplicationRecord\nend\n"), Some(Grade::Certain));
    assert_eq!(table("a.ts", "await prisma.orderItem.findMany()\n"), Some(Grade::Certain));
    assert_eq!(table("a.sql", "SELECT make_partition('order_items', $1);\n"), Some(Grade::Likely));
    let renamed =
        "func (i *Item) TableName() string {\n\tif i.tableName != \"\" {\n\t\treturn i.tableName\n\t}\n\treturn \"order_items\"\n}\n";
    assert_eq!(table("a.go", &format!("type Item struct {{\n\tID int\n}}\n\n{renamed}")), Some(Grade::Certain));
    assert_eq!(table("a.go", "const itemsTable = \"order_items\"\n"), Some(Grade::Likely));
    assert_eq!(table("a.go", "var known = []string{\"order_items\"}\n"), Some(Grade::Possible));
    assert_eq!(table("a.sql", "SELECT make_partition('old order_items', $1);\n"), Some(Grade::Possible));
    assert_eq!(table("a.php", "<?php $x = OrderItem::find(1);\n"), Some(Grade::Likely));
    assert_eq!(table("a.rb", "puts 'no order items here'\n"), None);
    assert_eq!(table("a.rb", "x = order_items_total\n"), None);
}

#[test]
fn only_writers_that_leave_a_required_column_out_are_found() {
    assert_eq!(omitting("a.go", "db.Exec(\"INSERT INTO users (id) VALUES (1)\")\n"), Some(Grade::Certain));
    assert_eq!(omitting("a.go", "db.Exec(\"INSERT INTO users (id, tenant_id) VALUES (1, 2)\")\n"), Some(Grade::Possible));
    assert_eq!(omitting("a.go", "db.Exec(\"INSERT INTO orders (id) VALUES (1)\")\n"), None);
    assert_eq!(omitting("a.rb", "class User < ApplicationRecord\nend\n"), Some(Grade::Likely));
    assert_eq!(omitting("a.py", "class User(models.Model):\n    tenant_id = models.IntegerField()\n"), None);
    for (path, text) in [
        ("a.rb", "User.create!(name: n)\n"),
        ("a.py", "User.objects.create(name=n)\n"),
        ("a.go", "db.Create(&User{Name: n})\n"),
        ("A.java", "em.persist(new User(name));\n"),
        ("a.ts", "await prisma.user.create({ data: { name } });\n"),
        ("a.js", "await knex('users').insert({ name });\n"),
        ("a.rs", "insert_into(users::table).values(name.eq(n))\n"),
        ("a.php", "<?php User::create(['name' => $n]);\n"),
        ("a.cs", "db.Users.Add(new User { Name = n });\n"),
        ("a.ex", "Repo.insert(%User{name: n})\n"),
    ] {
        assert_eq!(omitting(path, text), Some(Grade::Likely), "{text}");
        let filled = text.replace("name", "tenant_id").replace("Name", "TenantId");
        assert_eq!(omitting(path, &filled), Some(Grade::Possible), "{filled}");
    }
}

/// Models that name the column and say it is none of theirs: the code has stopped already.
const UNMAPPED: &[(&str, &str)] = &[
    ("a.rb", "class User < ApplicationRecord\n  self.ignored_columns += [\n    \"nick_name\",\n  ]\nend\n"),
    ("a.go", "type User struct {\n\tID int\n\tNickName string `gorm:\"-\"`\n}\n"),
    ("a.go", "type User struct {\n\tID int `db:\"id\"`\n\tNickName string `db:\"-\" json:\"nick_name\"`\n}\n"),
    ("A.java", "@Entity\n@Table(name = \"users\")\npublic class Account {\n  @Transient\n  private String nickName;\n}\n"),
    ("A.kt", "@Entity\n@Table(name = \"users\")\nclass Account {\n  @Transient var nickName: String? = null\n}\n"),
    ("a.ts", "@Entity('users')\nclass Account {\n  @Property({ persist: false })\n  nickName?: string;\n}\n"),
    ("a.rs", "#[derive(FromRow)]\nstruct User {\n    id: i64,\n    #[sqlx(skip)]\n    nick_name: String,\n}\n"),
    ("a.cs", "[Table(\"users\")]\npublic class Account {\n  [NotMapped]\n  public string NickName { get; set; }\n}\n"),
    ("a.cs", "builder.Entity<User>().Ignore(u => u.NickName);\n"),
    ("a.ex", "defmodule User do\n  use Ecto.Schema\n  schema \"users\" do\n    field :nick_name, :string, virtual: true\n  end\nend\n"),
    ("schema.prisma", "model User {\n  id Int @id\n  nickName String? @ignore\n}\n"),
];

#[test]
fn a_model_that_leaves_the_column_alone_does_not_use_it() {
    let wrong: Vec<_> = UNMAPPED.iter().map(|(path, text)| (column(path, text), text)).filter(|(g, _)| g.is_some()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn languages_without_a_mapping_of_their_own_are_searched() {
    assert_eq!(column("a.clj", "(jdbc/query db [\"select nick_name from users where id = ?\" id])\n"), Some(Grade::Certain));
    assert_eq!(column("a.cpp", "pq.exec(\"UPDATE users SET nick_name = $1\");\n"), Some(Grade::Certain));
    assert_eq!(column("a.dart", "// users.nickName\nfinal x = 1;\n"), None);
    assert_eq!(column("bin/report", "#!/usr/bin/env python3\nq = 'select nick_name from users'\n"), Some(Grade::Certain));
    assert_eq!(column("Makefile", "psql -c 'select nick_name from users'\n"), None);
}

#[test]
fn imports_are_only_the_bare_word() {
    assert_eq!(column("a.rs", "use crate::users::{\n    User,\n    nick_name,\n};\n"), Some(Grade::Possible));
    assert_eq!(column("a.ts", "import { NickName } from './user';\n"), Some(Grade::Possible));
}

#[test]
fn code_that_cannot_be_read_is_said_and_odd_encodings_are_read() {
    let target = || target(TargetKind::Column, Some("users"), "nick_name", Interest::AnyReference);
    let usage = run(
        &[("a.rb", "x = 1\0user\0s.n\0ick_name"), ("b.rb", "version https://git-lfs.github.com/spec/v1\noid sha256:1\n"), ("c.png", "\0")],
        target(),
    );
    let unread: Vec<&str> = usage.searched.unread.iter().map(|unread| unread.path.as_str()).collect();
    assert_eq!((unread, usage.searched.files, usage.references.len()), (vec!["b.rb"], 1, 1));
    let bytes = |bytes: &[u8]| {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("a.php"), bytes).unwrap();
        let tree = holdshort::change::tree::read_directory(directory.path()).unwrap();
        search(&tree, &[target()], &Options::new(&[], &[]).unwrap()).unwrap().references.first().map(|found| (found.grade, found.line))
    };
    let latin = b"<?php // \xE9t\xE9\n$db->query(\"select nick_name from users\");\n";
    assert_eq!(bytes(latin), Some((Grade::Certain, 2)));
    let wide: Vec<u8> = [0xFF, 0xFE]
        .into_iter()
        .chain("<?php\n$db->query(\"select nick_name from users\");".encode_utf16().flat_map(u16::to_le_bytes))
        .collect();
    assert_eq!(bytes(&wide), Some((Grade::Certain, 2)));
}

#[test]
fn enum_values_functions_and_flags() {
    let shipped = || target(TargetKind::EnumValue, Some("order_status"), "shipped", Interest::AnyReference);
    let grade = |text: &str, target| run(&[("a.ts", text)], target).references.first().map(|r| r.grade);
    assert_eq!(grade("x = OrderStatus.SHIPPED;\n", shipped()), Some(Grade::Certain));
    assert_eq!(grade("// shipped\n", shipped()), None);
    let routine = || target(TargetKind::Routine, None, "next_invoice", Interest::AnyReference);
    assert_eq!(grade("db.query('select next_invoice($1)')\n", routine()), Some(Grade::Certain));
    assert_eq!(grade("db.rpc('next_invoice')\n", routine()), Some(Grade::Likely));
    assert_eq!(grade("const column = 'nextInvoice';\n", routine()), Some(Grade::Possible));
    let mood = || target(TargetKind::Type, None, "mood", Interest::AnyReference);
    assert_eq!(grade("db.query('select $1::mood')\n", mood()), Some(Grade::Certain));
    assert_eq!(grade("export const mood = pgEnum('mood', ['ok']);\n", mood()), Some(Grade::Likely));
    let flag = target(TargetKind::Flag, None, "new-checkout", Interest::AnyReference);
    assert_eq!(grade("if (client.enabled('new-checkout')) {}\n", flag), Some(Grade::Certain));
}

#[test]
fn the_search_says_what_it_looked_at_and_keeps_the_strongest() {
    let many: String = "users.nick_name\n".repeat(80);
    let target = || target(TargetKind::Column, Some("users"), "nick_name", Interest::AnyReference);
    let usage = run(&[("a.js", &many), ("b_test.go", "x"), ("c.png", "x"), ("q.sql", "select nick_name from users")], target());
    assert_eq!(usage.references.len(), 50);
    assert_eq!(usage.counts[&7].certain, 81);
    assert_eq!(usage.searched.files, 2);
    assert_eq!(usage.searched.languages.keys().copied().collect::<Vec<_>>(), ["JavaScript", "SQL"]);
    assert_eq!(usage.searched.skipped["tests"], 1);
    let usage = run(&[("q.sql", "  select nick_name from users")], target());
    let place = &usage.references[0];
    assert_eq!((place.line, place.column, place.text.as_str(), place.source_kind), (1, 10, "select nick_name from users", SourceKind::Sql));
}

#[test]
fn hostile_texts_do_not_stop_the_search() {
    for text in [
        "\"users nick_name",
        "/* users nick_name",
        "<<~SQL\nusers.nick_name",
        "é'users.nick_name",
        "{{{{users.nick_name((((",
        "users.nick_name\\",
    ] {
        for path in ["a.rb", "a.py", "a.rs", "a.php", "a.ts", "a.sql", "a.ex", "a.go", "A.java"] {
            column(path, text);
        }
    }
}

#[test]
fn words_of_the_language_are_no_columns() {
    let named = |column: &str, path: &str, text: &str| {
        let target = target(TargetKind::Column, Some("users"), column, Interest::AnyReference);
        run(&[(path, text)], target).references.first().map(|reference| reference.grade)
    };
    assert_eq!(named("error", "a.go", "func (s *Store) Find(id int) (*User, error) {\n\treturn nil, nil\n}\n"), None);
    assert_eq!(named("type", "a.go", "type Users []*User\n"), None);
    assert_eq!(named("type", "a.ts", "type Users = Array<User>;\n"), None);
    assert_eq!(named("class", "a.java", "public class UserStore extends Store<User> {}\n"), None);
    assert!(named("error", "a.go", "user.Error = err\n") >= Some(Grade::Likely));
    assert!(named("type", "a.ts", "await prisma.user.update({ data: { type } });\n") >= Some(Grade::Likely));
    assert!(named("type", "a.ts", "await prisma.user.update({ data: { type: 1 } });\n") >= Some(Grade::Likely));
    assert!(named("class", "a.rb", "User.where(class: 1)\n") >= Some(Grade::Likely));
    assert!(named("type", "a.py", "User.objects.filter(type=1)\n") >= Some(Grade::Likely));
}

/// Pieces of every language in random order, wide characters and lines longer than the window of a statement among them.
#[test]
fn random_texts_do_not_stop_the_search() {
    const PIECES: &str = "users|User|nick_name|nickName|NickName|:nick_name|\"nick_name\"|`users`|tenant_id|users.tenant_id|\
        SELECT * FROM users WHERE |INSERT INTO users (id) VALUES (1)|UPDATE users SET nick_name = |class User|struct User {|\
        self.ignored_columns = [|@Column(name = \"nick_name\")|@Transient|gorm:\"-\"|#[diesel(table_name = users)]|<<~SQL|SQL|\"\"\"|'''|`|\
        '|\"|${|#{|/*|*/|//|--|# |=begin|=end|{|}|(|)|[|]|;|,|.|->|=>|::|\\|=|\n|\r\n|\n\n|\t|    |é|ノ|𝒳|\u{feff}|\u{2028}|\0";
    const PATHS: &str = "a.rb a.erb a.py a.go A.java A.kt a.scala a.ts a.tsx a.js a.vue a.rs a.php a.cs a.ex a.clj a.sql a.graphql a.xml a.yaml \
        schema.prisma a.sh a.swift a.dart";
    let pieces: Vec<&str> = PIECES.split('|').collect();
    let mut state = 7u64;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for round in 0..30 {
        for path in PATHS.split_whitespace() {
            let mut text: String = (0..40 + random(80)).map(|_| pieces[random(pieces.len())]).collect();
            if round % 3 == 0 {
                text.insert_str(0, &"ノ[é(".repeat(900 + random(3)));
            }
            column(path, &text);
            omitting(path, &text);
        }
    }
    let beyond_the_window = format!("{}users.nick_name", "ノ".repeat(2_000));
    assert!(column("a.js", &beyond_the_window).is_some());
}

#[test]
fn megabytes_on_one_line_are_searched() {
    let filler = "var a=function(e,t){return e?t:users.nick_name};".repeat(10_000);
    let usage = |text: &str| run(&[("a.js", text)], target(TargetKind::Column, Some("users"), "nick_name", Interest::AnyReference));
    assert_eq!(usage(&filler).references.first().map(|found| (found.grade, found.line)), Some((Grade::Certain, 1)));
    let classes = "class User{users.nick_name(".repeat(10_000);
    assert_eq!(usage(&classes).references.len(), 1);
    let queries = format!("q = '{}';", "select nick_name from users, ".repeat(10_000));
    assert_eq!(usage(&queries).references.len(), 1);
}
