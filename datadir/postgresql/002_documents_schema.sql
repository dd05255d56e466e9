-- Documents of a classroom, or of the knowledge base: what was uploaded, where its bytes are, how far it is indexed. Revision 0001 runs this file.

create table documents (
    id uuid default gen_random_uuid() not null,
    classroom_id uuid,
    uploaded_by uuid,
    filename varchar(255) not null,
    document_type varchar(50) default 'material' not null,
    content_type varchar(100) not null,
    size_bytes bigint not null,
    object_key varchar(500) not null,
    status varchar(20) default 'uploading' not null,
    page_count integer,
    chunk_count integer,
    created_at timestamptz default now() not null,
    updated_at timestamptz default now() not null,
    primary key (id),
    foreign key(classroom_id) references classrooms (id) on delete cascade,
    foreign key(uploaded_by) references users (id),
    unique (object_key)
);

create index idx_documents_classroom on documents (classroom_id, created_at, id);

-- Row policies. No setting, no rows. Subselects make PostgreSQL evaluate a setting once and not once a row.
alter table documents enable row level security;

alter table documents force row level security;

-- Revision 0005 lets whoever learns or teaches read those of no classroom too.
create policy documents_read on documents for select using (
    (select app_sees_all()) or classroom_id = any((select app_classroom_ids())::uuid[])
);

create policy documents_insert on documents for insert with check ((select app_sees_all()));

create policy documents_update on documents for update using ((select app_sees_all())) with check ((select app_sees_all()));

create policy documents_delete on documents for delete using ((select app_sees_all()));

grant select, insert, update, delete on documents to studygraph_app;
